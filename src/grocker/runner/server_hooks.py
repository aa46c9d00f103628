"""gunicorn's configuration file: run by the application's interpreter, in the server.

Ctrl-C reaches the whole foreground group. The runner answers it with the graceful stop (E1); to gunicorn it means the
hard one, which cuts answers off, so its processes leave it to the runner.
"""

from __future__ import annotations

import signal


def when_ready(_server: object) -> None:
    """In the master, once it has its own handlers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def post_worker_init(_worker: object) -> None:
    """In each worker, once it has its own handlers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
