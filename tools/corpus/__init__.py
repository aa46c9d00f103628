"""Build applications of others as they are, start them, and record whether they answer."""
