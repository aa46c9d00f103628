"""The kinds of inputs: a project, a script, a wheel or a release becomes an application."""
