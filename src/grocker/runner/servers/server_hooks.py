"""gunicorn's configuration file: run by the application's interpreter, in the server. Contract: E1.

Ctrl-C reaches the whole foreground group. The runner answers it with the graceful stop; to gunicorn it means the hard
one, which cuts answers off, so its processes leave it to the runner.

A worker that is told to stop in the moment between its birth and its own handlers only notes it down in a copy of the
master's queue, and the stop would take all of the graceful time (seen with gunicorn 27.0.1). So it is born with that
signal held back, and takes it when it can.

Around the application is what judges the client's headers (X1). Into the descriptor that GROCKER_READY_FD names each
worker writes a byte once it has the application.
"""

from __future__ import annotations

import os
import signal
from importlib.util import module_from_spec, spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# X1 is client_headers' to judge. To gunicorn the peer of a Unix socket, nginx, could not lie.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
_HELD = frozenset({signal.SIGTERM, signal.SIGQUIT})
_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
_bears_workers = False
_ready = int(os.environ.pop("GROCKER_READY_FD", "-1"))  # not the application's


def when_ready(_server: object) -> None:
    """In the master, once it has its own handlers."""
    global _bears_workers  # noqa: PLW0603 - each process has its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _bears_workers = True
    os.register_at_fork(before=_hold, after_in_parent=_release)


def post_fork(_server: object, _worker: object) -> None:
    """In each worker, as it is born: what the application forks is no worker."""
    global _bears_workers  # noqa: PLW0603
    _bears_workers = False


def post_worker_init(worker: Any) -> None:
    """In each worker, once it has its own handlers and the application."""
    application = worker.wsgi
    if any(isinstance(listener.getsockname(), str) for listener in worker.sockets):  # a Unix socket's: behind nginx
        application = _beside("unread_body").wsgi(application)
    worker.wsgi = _beside("client_headers").wsgi(application)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
    try:
        os.write(_ready, b".")
    except OSError:
        pass  # it is told already, or nobody listens


def pre_exec(_server: object) -> None:
    """In a new master, before it is executed (USR2)."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


def _beside(name: str) -> Any:
    """A module beside this one, by its path: the directory's other modules would stand in for the application's."""
    spec = spec_from_file_location(f"grocker_{name}", os.path.join(_DIRECTORY, f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _hold() -> None:
    if _bears_workers:
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def _release() -> None:
    if _bears_workers:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
