"""Draft the settings of a project from what it has: its code, a Dockerfile, Compose files."""
