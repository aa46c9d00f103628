"""The settings of a build, the place where each was set, and the services that a project declares."""
