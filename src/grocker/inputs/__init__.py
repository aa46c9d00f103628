"""What the user has: a project, a wheel or a release, read as an application."""
