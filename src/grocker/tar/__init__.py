"""Entries, and the layers that they form."""
