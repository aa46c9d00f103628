"""Files that the builder installs beside the runner, as text.

Nothing in the image imports this module.
"""

from __future__ import annotations

# The signals are held back before anything else is imported: PID 1 would lose them, they have no default action there.
# -I -S: neither PYTHON* nor the application's site reach the runner (contract, E7).
_RUNNER = """\
#!/usr/bin/python3 -IS
import _signal
from _signal import SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2
mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, (SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2))
import sys
sys.path.insert(0, "/opt/grocker/lib")
from grocker_runner.main import main
sys.exit(main(sys.argv[1:], mask))
"""

# E8. Under the runner the environment is there already; docker exec starts this without it.
_DJANGO_ADMIN = """\
#!/bin/sh
if [ ! -x /opt/venv/bin/django-admin ]; then
    echo "grocker: django-admin.py: Django is not in this application's environment" >&2
    exit 127
fi
[ -n "$GROCKER_CONTRACT" ] && exec /opt/venv/bin/django-admin "$@"
exec /opt/grocker/bin/grocker-runner exec /opt/venv/bin/django-admin "$@"
"""

PROGRAMS = {"django-admin.py": _DJANGO_ADMIN, "grocker-runner": _RUNNER}
"""Name in ``/opt/grocker/bin`` → text; mode 0755."""

DEFAULT_SETTINGS = """\
[django]
media_root = /media

[dev]
debug_toolbar = false
"""
"""C2: Grocker's own ``50_default_settings.ini``."""
