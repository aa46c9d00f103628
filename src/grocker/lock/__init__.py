"""Everything that a build takes from elsewhere, resolved: pure values, and the lock file that holds them."""
