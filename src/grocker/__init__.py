"""Grocker turns a Python application into a production container image."""

__version__ = "9.0.0.dev0"
