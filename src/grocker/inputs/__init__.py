"""The kinds of inputs: a project, a wheel or a release becomes an application."""
