"""gunicorn, with threads, for WSGI applications. Contract: E1, P1, X1, X4.

The runner imports :func:`launch`. gunicorn reads this file as its configuration, in the application's interpreter:
everything else is for that. Source: gunicorn's settings; the choices are explained in docs/decisions/0022.

Ctrl-C reaches the whole foreground process group. The runner answers it with a graceful stop, but gunicorn would stop
at once and cut responses off, so its processes ignore it.

A worker that gets a signal between its fork and its own signal handlers only adds it to its copy of the master's queue,
and stopping would then take all of the graceful time (seen with gunicorn 27.0.1). So a worker is forked with these
signals blocked, and unblocks them when it can handle them.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..contract.spec import Service
    from .table import Launch, ServerContext

THREADS = 8  # per worker
_READY = "GROCKER_READY_FD"  # gunicorn passes no arguments on to its configuration
_DIRECTORY = "GROCKER_RUNNER_DIRECTORY"
_LEVELS = "GROCKER_LEVELS_FD"
_LOAD_FAILED = 3  # gunicorn's WORKER_BOOT_ERROR

# Settings of gunicorn. client_headers decides about X1; gunicorn would trust nginx, the peer of the Unix socket.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

_forks_workers = False
_ready = "" if __package__ else os.environ.pop(_READY, "")  # only gunicorn has it, and the application gets none
_directory = "" if __package__ else os.environ.pop(_DIRECTORY, "")
_levels = "" if __package__ else os.environ.pop(_LEVELS, "")


def launch(service: Service, context: ServerContext) -> Launch:
    """Return gunicorn's command line."""
    from ..contract.names import WEB_CONCURRENCY
    from ..process.program import Program
    from .table import KEEP_ALIVE, Launch, count_workers

    assert service.wsgi is not None
    python = context.python
    # The module that all versions have: before 20.1, the package cannot be run.
    arguments = [python, "-m", "gunicorn.app.wsgiapp", "--config", __file__]
    arguments += ["--worker-class", "gthread", "--threads", str(THREADS)]
    for descriptor in context.sockets:
        arguments += ["--bind", f"fd://{descriptor}"]
    workers = count_workers(service, context)
    if service.workers is not None or not context.environ.get(WEB_CONCURRENCY):
        arguments += ["--workers", str(workers)]
    arguments += ["--forwarded-allow-ips", ""]  # client_headers decides about X1
    arguments += ["--worker-tmp-dir", "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else "/tmp"]  # noqa: S108
    arguments += ["--graceful-timeout", str(context.graceful)]
    if context.access >= 0:
        arguments += ["--access-logfile", f"/dev/fd/{context.access}"]
    if service.front:
        arguments += ["--keep-alive", str(KEEP_ALIVE)]
    if _supports("--no-control-socket", context.venv):
        arguments.append("--no-control-socket")
    arguments.append(service.wsgi)
    variables = {_READY: str(context.ready), _DIRECTORY: context.directory}
    if context.levels[0] >= 0:
        variables[_LEVELS] = ",".join(str(descriptor) for descriptor in context.levels)
    return Launch(program=Program(path=python, arguments=tuple(arguments)), variables=variables)


def _supports(option: str, venv: str) -> bool:
    """Whether the installed gunicorn has an option; asking gunicorn itself would take as long as starting it."""
    try:
        for python in sorted(os.listdir(f"{venv}/lib")):
            path = f"{venv}/lib/{python}/site-packages/gunicorn/config.py"
            if os.path.exists(path):
                with open(path, "rb") as file:
                    return option.encode() in file.read()
    except OSError:
        pass
    return False


def _split_levels() -> None:
    """Let gunicorn's own log have its severity in syslog; its first line comes before any hook."""
    import importlib

    glogging: Any = importlib.import_module("gunicorn.glogging")
    setup = glogging.Logger.setup

    def split(logger: Any, settings: Any) -> None:
        setup(logger, settings)
        info, warning = _levels.split(",")
        _inside().split_levels(logger.error_log, int(info), int(warning))

    glogging.Logger.setup = split


def on_starting(server: Any) -> None:
    """Run in the master, with its settings."""
    import sys

    _limit_stop(server)
    sys.excepthook = _without_halt


def _without_halt(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Print no traceback of gunicorn's own when two workers have failed to load the application: it is reported."""
    import sys

    if kind.__name__ != "HaltServer":
        sys.__excepthook__(kind, error, trace)


def on_reload(server: Any) -> None:
    """Run in the master, with its new settings (HUP)."""
    _limit_stop(server)


def _limit_stop(server: Any) -> None:
    """Let master and workers look up their limit when they are asked to stop."""
    setting = server.cfg.settings["graceful_timeout"]
    default, inside = setting.get(), _inside()
    setting.get = lambda: inside.graceful_seconds(_directory, default)


def when_ready(_server: object) -> None:
    """Run in the master, once it has its own signal handlers."""
    import signal

    global _forks_workers  # noqa: PLW0603 - each process has its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _forks_workers = True
    os.register_at_fork(before=_block_signals, after_in_parent=_unblock_signals)


def post_fork(_server: object, worker: Any) -> None:
    """Run in each worker, just after its fork: processes that the application forks are no workers."""
    global _forks_workers  # noqa: PLW0603
    _forks_workers = False
    load, inside = worker.load_wsgi, _inside()

    def guarded() -> None:
        try:
            load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an application may raise anything
            inside.report_load_failure(_directory, error)
            raise SystemExit(_LOAD_FAILED) from None

    worker.load_wsgi = guarded


def post_worker_init(worker: Any) -> None:
    """Run in each worker, once it has its own signal handlers and the application."""
    import signal

    inside = _inside()
    behind_nginx = any(isinstance(listener.getsockname(), str) for listener in worker.sockets)  # a Unix socket
    worker.wsgi = inside.wrap_wsgi(worker.wsgi, behind_nginx=behind_nginx)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGQUIT})
    inside.notify_ready(f"/proc/self/fd/{_ready}")


def pre_exec(_server: object) -> None:
    """Run in a new master, before it is executed (USR2)."""
    import signal

    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGQUIT})


def _block_signals() -> None:
    import signal

    if _forks_workers:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGQUIT})


def _unblock_signals() -> None:
    import signal

    if _forks_workers:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGQUIT})


def _inside() -> Any:
    """Import ``inside`` from the runner's package, which stays off ``sys.path``: it would shadow the application's."""
    import sys

    library, package = os.path.split(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, library)
    try:
        return __import__(f"{package}.servers.inside", fromlist=["inside"])
    finally:
        sys.path.remove(library)


if _levels:
    _split_levels()
