"""Carries out a plan: the only place where the worlds of Debian, Python and registries meet."""
