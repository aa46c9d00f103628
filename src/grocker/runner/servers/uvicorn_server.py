"""uvicorn, for ASGI applications. Contract: P1, X1, X4.

The runner imports :func:`launch`. The application's interpreter runs this file by its path: uvicorn's own command line
takes one socket only, and the runner has one for IPv4 and one for IPv6.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..contract.spec import Service
    from .table import Launch, ServerContext

_HEALTH_CHECK = 30  # seconds; with uvicorn's own 5, workers that are merely busy are killed (encode/uvicorn#2711)
_STARTUP_FAILED = 3  # uvicorn's own exit status
PREFIX = "UVICORN_"
"""Of the variables that uvicorn's own command line reads."""
IGNORED = frozenset(
    PREFIX + word
    for word in (
        *("ACCESS_LOG", "APP", "APP_DIR", "ENV_FILE", "FACTORY", "FD", "FORWARDED_ALLOW_IPS", "HOST", "INTERFACE"),
        *("LOG_CONFIG", "PORT", "PROXY_HEADERS", "RELOAD", "RELOAD_DELAY", "RELOAD_DIRS", "RELOAD_EXCLUDES"),
        *("RELOAD_INCLUDES", "SSL_CA_CERTS", "SSL_CERT_REQS", "SSL_CERTFILE", "SSL_CIPHERS", "SSL_KEYFILE"),
        *("SSL_KEYFILE_PASSWORD", "SSL_VERSION", "TIMEOUT_GRACEFUL_SHUTDOWN", "UDS", "VERSION", "WORKERS"),
    )
)
"""Variables that have no effect: the runner decides."""


def launch(service: Service, context: ServerContext) -> Launch:
    """Return the command line that :func:`main` reads."""
    from ..base.failure import warn
    from ..process.program import Program
    from .table import KEEP_ALIVE, Launch, count_workers

    assert service.asgi is not None
    ignored = sorted(IGNORED.intersection(context.environ))
    if ignored:
        warn(f"{', '.join(ignored)}: no effect; the runner controls sockets, workers, proxies, logs and stopping")
    numbers = (
        *(count_workers(service, context), context.graceful, KEEP_ALIVE if service.front else 0),
        *(context.access, context.ready),
    )
    sockets = ",".join(str(descriptor) for descriptor in context.sockets)
    arguments = (
        *(context.python, __file__, service.asgi, sockets),
        *(str(number) for number in numbers),
        *(str(descriptor) for descriptor in context.levels),
        context.directory,
    )
    return Launch(program=Program(path=context.python, arguments=arguments))


def main(arguments: list[str]) -> None:
    """Serve until asked to stop.

    ``arguments``: ``module:object`` (``module:object()`` for a factory), descriptors of the sockets separated by
    commas, workers, seconds for a graceful stop, seconds that an idle connection is kept (0: uvicorn's default), the
    descriptor of the access log (-1: none), the one into which each worker writes a byte once it serves, those of
    uvicorn's own log up to INFO and for WARNING (-1: stderr), and the runner's directory.
    """
    sys.path[0] = os.getcwd()  # instead of this file's directory
    import copy
    import inspect
    import socket

    import uvicorn

    target, descriptors, workers, graceful, keep_alive, access, ready, info, warning, directory = arguments
    # Workers are new processes that inherit only the sockets: they open these two through this process.
    descriptor_directory = f"/proc/{os.getpid()}/fd"
    log = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    if access != "-1":
        log["handlers"]["access"] = {
            "class": "logging.FileHandler",
            "filename": f"{descriptor_directory}/{access}",
            "mode": "a",
            "formatter": "access",
        }
    if info != "-1":
        paths = (f"{descriptor_directory}/{info}", f"{descriptor_directory}/{warning}")
        _inside().split_level_settings(log, "default", paths, level_range)
    chosen = _operators_options(directory)
    if keep_alive != "0":
        chosen.pop("timeout_keep_alive", None)  # nginx relies on it
    options: dict[str, object] = {
        "workers": int(workers),
        "factory": True,
        "log_config": log,
        "timeout_graceful_shutdown": int(graceful),
        "timeout_worker_healthcheck": _HEALTH_CHECK,
        "access_log": access != "-1",
        "proxy_headers": False,  # client_headers decides about X1
        **({} if "server_header" in chosen else {"server_header": False}),
        **({"timeout_keep_alive": int(keep_alive)} if keep_alive != "0" else {}),
    }
    options = {**chosen, **options}
    supported = inspect.signature(uvicorn.Config).parameters
    config = uvicorn.Config(
        ApplicationFactory(target, f"{descriptor_directory}/{ready}", directory),
        **{name: value for name, value in options.items() if name in supported},
    )
    sockets = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors.split(",")]
    for listener in sockets:
        listener.setblocking(False)
    server = uvicorn.Server(config)
    if int(workers) > 1:
        from uvicorn.supervisors import Multiprocess

        has_failed = _stop_if_loading_fails(config)
        # uvicorn before 0.54 takes the function that its processes run.
        parameters = inspect.signature(Multiprocess).parameters
        extra = {"target": server.run} if "target" in parameters else {}
        Multiprocess(config, sockets=sockets, **extra).run()
        if has_failed():
            sys.exit(_STARTUP_FAILED)
    else:
        server.run(sockets=sockets)
        if not server.started:
            sys.exit(_STARTUP_FAILED)


def _operators_options(directory: str) -> dict[str, object]:
    """Return the options that variables UVICORN_* set, read as uvicorn's own command line reads them.

    A value that it refuses is reported like an application that cannot be loaded.
    """
    for name in IGNORED:
        os.environ.pop(name, None)
    if not any(name.startswith(PREFIX) for name in os.environ):
        return {}
    import click
    from uvicorn.main import main as command

    try:
        context = command.make_context("uvicorn", ["app"], auto_envvar_prefix=PREFIX.rstrip("_"))
    except click.ClickException as error:
        _inside().report_load_failure(directory, error.format_message())
        sys.exit(_STARTUP_FAILED)
    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.ENVIRONMENT
    }
    if "headers" in given:
        given["headers"] = [tuple(header.split(":", 1)) for header in given["headers"]]
    return given


def level_range(low: int, high: int) -> Any:
    """See :class:`.inside.LevelRange`; a name of this file, since the log's settings are pickled for the workers."""
    return _inside().LevelRange(low, high)


class ApplicationFactory:
    """Loads the application in a worker; it is pickled for the workers, so it holds names only."""

    def __init__(self, target: str, ready: str, directory: str) -> None:
        self._target = target
        self._ready = ready
        self._directory = directory

    def __call__(self) -> Any:
        """Return the application, wrapped."""
        from uvicorn.importer import import_from_string

        inside = _inside()
        try:
            loaded = import_from_string(self._target.removesuffix("()"))
            application = _as_asgi3(loaded() if self._target.endswith("()") else loaded)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an application may raise anything
            inside.report_load_failure(self._directory, error)
            sys.exit(_STARTUP_FAILED)
        self._limit_stop(inside)
        return inside.wrap_asgi(application, self._ready, behind_nginx=False, directory=self._directory)

    def _limit_stop(self, inside: Any) -> None:
        """Let this worker look up its limit when it is asked to stop."""
        import uvicorn

        shutdown, directory = uvicorn.Server.shutdown, self._directory

        async def limited(server: Any, *arguments: Any, **named: Any) -> None:
            config = server.config
            config.timeout_graceful_shutdown = inside.graceful_seconds(directory, config.timeout_graceful_shutdown)
            await shutdown(server, *arguments, **named)

        uvicorn.Server.shutdown = limited


def _as_asgi3(application: Any) -> Any:
    """Return an ASGI 3 application; uvicorn would find out the version itself, but sees only the wrapper."""
    import inspect

    call = application if inspect.isfunction(application) else getattr(application, "__call__", None)  # noqa: B004
    if inspect.isclass(application):
        is_asgi3 = hasattr(application, "__await__")
    else:
        is_asgi3 = inspect.iscoroutinefunction(call)
    if is_asgi3:
        return application
    from uvicorn.middleware.asgi2 import ASGI2Middleware

    return ASGI2Middleware(application)


def _stop_if_loading_fails(config: object) -> Callable[[], bool]:
    """Stop the server when the application cannot be loaded: uvicorn would restart failing workers for ever.

    A process beside the workers loads it, which delays them by nothing. Returns a function that says whether it failed.
    """
    import signal
    import threading
    import traceback

    stderr = os.memfd_create("stderr")  # shown only on failure: the workers may not get that far
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(stderr, 2)
            config.load()  # type: ignore[attr-defined]
            status = 0
        except SystemExit:
            pass  # reported
        except Exception:  # noqa: BLE001 - loading an application may raise anything
            traceback.print_exc()
        finally:
            os._exit(status)

    failed = threading.Event()

    def wait() -> None:
        if os.waitpid(child, 0)[1]:
            os.write(2, os.pread(stderr, os.fstat(stderr).st_size, 0))
            failed.set()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
    return failed.is_set


def _inside() -> Any:
    """Import ``inside`` from the runner's package, which stays off ``sys.path``: it would shadow the application's."""
    library, package = os.path.split(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, library)
    try:
        return __import__(f"{package}.servers.inside", fromlist=["inside"])
    finally:
        sys.path.remove(library)


if __name__ == "__main__":
    main(sys.argv[1:])
