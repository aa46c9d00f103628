"""``grocker-runner``: the image's entrypoint, and what ``docker exec`` calls. Contract: E1–E15.

``run [ARGUMENTS]`` takes what follows the image's name on the engine's command line; ``exec COMMAND…`` runs a command
in the environment that ``run`` prepared when the container started; the other subcommands show something.
"""

from __future__ import annotations

import os
import stat

from .base.failure import (
    CONFIGURATION,
    NOT_EXECUTABLE,
    SIGNALLED,
    TOO_MANY_FILES,
    USAGE,
    USER,
    Failure,
    StopRequested,
    reason,
    say,
    warn,
)
from .base.value import TYPE_CHECKING
from .contract import codec
from .contract.names import GROCKER_RUNTIME_DIR, IMAGE_JSON, RUNNER, SCRATCH, SCRIPTS, ContainerLayout
from .contract.spec import SpecError
from .process import signals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .contract.spec import Spec
    from .process.program import Program

_NAME = "grocker-runner"


def main(arguments: Sequence[str], mask: set[int]) -> int:
    """Run a subcommand; return the exit status.

    ``mask``: signals that were blocked when the process started; since then, the runner's are blocked too.
    """
    _open_standard_descriptors()
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    try:
        if command == "run":
            return _run(tuple(rest), mask)
        if command == "exec":
            return _exec(tuple(rest), mask)
        return _show(command, tuple(rest))
    except Failure as failure:
        say(failure.message)
        return failure.status
    except OSError as error:
        if error.errno not in TOO_MANY_FILES:
            raise
        say(f"{reason(error)}; raise the engine's limit (--ulimit nofile)")
        return NOT_EXECUTABLE


def _show(command: str, rest: tuple[str, ...], *, warned: bool = False, environ: Mapping[str, str] = os.environ) -> int:
    """Run a subcommand that shows something. ``warned``: the configuration's failures have been reported."""
    if command == "config":
        from .config.command import show_config

        return show_config(_read_spec(), rest, _started_layout(environ), warned=warned)
    if command == "health":
        from .status.health import check_health

        if rest not in ((), ("--ready",)):
            raise Failure(USAGE, f"health: unknown option {rest[-1]!r}; use --ready, or no option")
        return check_health(_started_layout(environ).scratch, ready=bool(rest))
    if command in ("--help", "--version"):
        return _show_help(_read_spec(), command)
    raise Failure(
        USAGE,
        f"usage: {_NAME} run [ARGUMENTS] | exec COMMAND [ARGUMENTS] | config | health [--ready] | --help | --version",
    )


def _started_layout(environ: Mapping[str, str] = os.environ) -> ContainerLayout:
    """Return the layout with the directory of the start of this container."""
    from .base import scratch

    return ContainerLayout(scratch=scratch.find(SCRATCH, environ.get(GROCKER_RUNTIME_DIR, "")))


def _new_layout() -> ContainerLayout:
    """Return the layout of a new start."""
    from .base import scratch

    return ContainerLayout(scratch=scratch.new_name(SCRATCH))


def _open_standard_descriptors() -> None:
    """Open 0, 1 and 2 if they are closed, or the next opened files would get these numbers."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(os.open("/dev/null", os.O_RDWR), descriptor)


def _read_spec() -> Spec:
    try:
        with open(IMAGE_JSON, "rb") as file:
            return codec.decode(file.read())
    except (OSError, SpecError) as error:
        raise Failure(CONFIGURATION, f"{IMAGE_JSON}: {error}; the image is damaged, rebuild it") from None


def _run(arguments: tuple[str, ...], mask: set[int]) -> int:
    image = _read_spec()
    first = arguments[0] if arguments else ""
    if first in ("--help", "--version"):
        return _show_help(image, first)
    if first.startswith("-"):
        raise Failure(USAGE, f"unknown option {first!r}; see --help")
    if first == "cron":
        return _cron(image, arguments[1:], mask)
    if first == "start":
        return _start(image, arguments[1:], mask)
    return _command(image, arguments, mask)


def _show_help(image: Spec, what: str) -> int:
    """Print to stdout (E12)."""
    from .contract.services import list_services

    version = f"{image.name} {image.version} (Grocker {image.grocker}, image contract {image.contract})\n"
    usage = (
        "usage: docker run [OPTIONS] IMAGE [ARGUMENTS]\n"
        "  start SERVICE        run a service\n"
        "  cron                 run the jobs of the crontab\n"
        f"  COMMAND [ARGS...]    run the script {SCRIPTS}/COMMAND if it exists, else a command\n"
        "  (nothing)            run an interactive shell (needs -ti)\n"
        "  --help, --version\n"
        "       docker exec CONTAINER grocker-runner exec COMMAND [ARGS...]\n"
        "                       run a command in the environment of a running container\n"
        "       docker exec CONTAINER grocker-runner config\n"
        "                       show the configuration, and where each value comes from\n"
        "       docker run --health-cmd 'grocker-runner health --ready' ...\n"
        "                       check whether the service, or cron, is ready (without --ready: alive)\n"
        f"services: {list_services(image)}\n"
    )
    text = version if what == "--version" else usage + version
    try:
        os.write(1, text.encode())
    except OSError:
        pass  # the reader is gone
    return 0


def _command(image: Spec, arguments: tuple[str, ...], mask: set[int]) -> int:
    from .process import one_shot

    layout = _new_layout()
    shows = _is_show_command(arguments, layout.scripts)
    try:
        with signals.Interruptible():
            if not arguments:
                _require_stdin()
            if os.getuid() == 0:
                warn("running as root: new files will belong to root; remove --user 0")
            from .prepare.preparation import prepare

            environ = prepare(image, os.environ, layout, strict=bool(arguments) and not shows)
            if shows:
                return _show(arguments[1], arguments[2:], warned=True, environ=environ)
            from .prepare.mounts import warn_unwritable

            warn_unwritable(layout.scripts, read_only=True)
            program = _find_program(arguments, environ["PATH"], layout)
    except StopRequested as stop:
        return SIGNALLED + stop.number
    return one_shot.run_command(program, environ, mask)


def _is_show_command(arguments: tuple[str, ...], scripts: str) -> bool:
    """Whether the command is a subcommand of ours that runs despite status 78 (C5), and not a script of our name."""
    from .process.program import is_script

    if arguments[:1] == (_NAME,) and is_script(_NAME, scripts):
        return False
    return arguments[:1] in ((_NAME,), (RUNNER,)) and arguments[1:2] not in ((), ("run",), ("exec",))


def _find_program(arguments: tuple[str, ...], search: str, layout: ContainerLayout) -> Program:
    from .process.program import Program, find_program

    if not arguments:
        return Program(path=layout.shell, arguments=(layout.shell,))
    return find_program(arguments, search, layout.scripts)


def _require_stdin() -> None:
    """Refuse a shell that would read nothing and exit at once (E10)."""
    found, null = os.fstat(0), os.stat(os.devnull)
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == null.st_rdev:
        raise Failure(USAGE, "the shell has no input; add -ti, or name a command")


def _start(image: Spec, arguments: tuple[str, ...], mask: set[int]) -> int:
    from .contract.services import find_service

    name, service = find_service(image, arguments)
    _refuse_root("start")
    from .supervise.service import run_service

    return run_service(image, name, service, _new_layout(), mask)


def _cron(image: Spec, arguments: tuple[str, ...], mask: set[int]) -> int:
    if arguments:
        raise Failure(USAGE, f"cron takes no arguments, got {arguments[0]!r}; it runs the jobs of the crontab")
    _refuse_root("cron")
    from .cron.service import run_cron
    from .cron.status import status_server

    layout = _new_layout()
    return run_cron(image, layout, mask, on_start=status_server(image, layout))


def _refuse_root(command: str) -> None:
    if os.getuid() == 0:
        raise Failure(USER, f"{command}: cannot run as root; remove --user 0, or use another uid")


def _exec(arguments: tuple[str, ...], mask: set[int]) -> int:
    from .base import scratch
    from .prepare import environment
    from .process.child import replace_process
    from .process.program import find_program

    if not arguments:
        raise Failure(USAGE, "exec: no command given")
    layout = _started_layout()
    record = scratch.load(layout.scratch)
    if record.failure:
        raise Failure(CONFIGURATION, record.failure)
    environ = environment.resume(_read_spec(), record.prepared, record.given, os.environ)
    replace_process(find_program(arguments, environ.get("PATH", os.defpath), layout.scripts), environ, mask)
