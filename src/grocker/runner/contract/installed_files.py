"""The text of files that the builder installs beside the runner. Nothing in the image imports this module."""

from __future__ import annotations

from .names import BIN, GROCKER_CONTRACT, LIBRARY, MEDIA, PACKAGE, RUNNER, VENV

PYTHON = "/usr/bin/python3"
"""what runs the runner, unless the image's interpreter is elsewhere"""

# Signals are blocked before any other import: they have no default action in PID 1, so it would lose them.
# -I -S: neither PYTHON* nor the application's site-packages reach the runner (contract, E7).
_RUNNER = f"""\
#!{PYTHON} -IS
import _signal
from _signal import SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2
mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, (SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2))
import sys
sys.path.insert(0, "{LIBRARY}")
from {PACKAGE}.main import main
sys.exit(main(sys.argv[1:], mask))
"""

# E8. Commands of the runner have the prepared environment already; docker exec starts this without it.
_DJANGO_ADMIN = f"""\
#!/bin/sh
if [ ! -x {VENV}/bin/django-admin ]; then
    echo "grocker: django-admin.py: Django is not installed in this image" >&2
    exit 127
fi
[ -n "${GROCKER_CONTRACT}" ] && exec {VENV}/bin/django-admin "$@"
exec {RUNNER} exec {VENV}/bin/django-admin "$@"
"""

PROGRAMS = {"django-admin.py": _DJANGO_ADMIN, RUNNER.removeprefix(f"{BIN}/"): _RUNNER}
"""Name in ``/opt/grocker/bin`` → text; mode 0755."""

DEFAULT_SETTINGS = f"""\
[django]
media_root = {MEDIA}

[dev]
debug_toolbar = false
"""
"""Grocker's own ``50_default_settings.ini`` (C2)."""
