"""All inputs of a build, resolved: pure values, and the lock file that contains them."""
