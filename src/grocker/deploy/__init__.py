"""How an image is run as its contract says: command lines for engines. Pure, but for the check that starts it."""
