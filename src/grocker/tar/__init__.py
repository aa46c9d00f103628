"""Entries, and the layers made of them."""
