"""``grocker-runner``: the image's entrypoint, and what ``docker exec`` calls. Contract: E1–E13.

``run [ARGUMENTS]`` takes what follows the image's name on the engine's command line; ``exec COMMAND…`` has the
environment that ``run`` prepared when the container started; the other subcommands tell of the container.
"""

from __future__ import annotations

import os
import stat

from .base.failure import CONFIGURATION, NOT_EXECUTABLE, OF_DESCRIPTORS, USAGE, USER, Asked, Failure, reason, say, warn
from .base.value import TYPE_CHECKING
from .contract import spec
from .contract.paths import Places
from .process import signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .contract.spec import Spec
    from .process.program import Program


def main(arguments: Sequence[str], mask: set[int]) -> int:
    """The exit status. ``mask``: signals that were blocked when the process started; the runner's are blocked since."""
    _keep_standard_descriptors()
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    try:
        if command == "run":
            return _run(tuple(rest), mask)
        if command == "exec":
            return _exec(tuple(rest), mask)
        return _told(command, tuple(rest))
    except Failure as failure:
        say(failure.message)
        return failure.status
    except OSError as error:
        if error.errno not in OF_DESCRIPTORS:
            raise
        say(f"{reason(error)}: raise the engine's limit (--ulimit nofile)")
        return NOT_EXECUTABLE


def _told(command: str, rest: tuple[str, ...], *, warned: bool = False) -> int:
    """A subcommand that tells. ``warned``: it has been said what is wrong with the configuration."""
    if command == "config":
        from .config.command import config

        return config(_spec(), rest, Places(), warned=warned)
    if command == "health" and not rest:
        from .status.health import health

        return health(Places().scratch)
    if command in ("--help", "--version"):
        return _tell(_spec(), command)
    raise Failure(
        USAGE, "grocker-runner run [ARGUMENTS] | exec COMMAND [ARGUMENTS] | config | health | --help | --version"
    )


def _keep_standard_descriptors() -> None:
    """A closed 0, 1 or 2 would be the next file that is opened; 0 is left for the shell's check to be seen."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(os.open("/dev/null", os.O_RDWR), descriptor)


def _spec() -> Spec:
    try:
        with open(spec.PATH, "rb") as file:
            return spec.decode(file.read())
    except (OSError, spec.SpecError) as error:
        raise Failure(CONFIGURATION, f"{spec.PATH}: {error}: the image is damaged, build it again") from None


def _run(arguments: tuple[str, ...], mask: set[int]) -> int:
    image = _spec()
    first = arguments[0] if arguments else ""
    if first in ("--help", "--version"):
        return _tell(image, first)
    if first.startswith("-"):
        raise Failure(USAGE, f"{first}: no such option: --help says what there is")
    if first == "cron":
        return _cron(image, arguments[1:], mask)
    if first == "start":
        return _start(image, arguments[1:], mask)
    return _command(image, arguments, mask)


def _tell(image: Spec, what: str) -> int:
    """E12, on stdout."""
    from .contract.services import listed

    version = f"{image.name} {image.version} (Grocker {image.grocker}, image contract {image.contract})\n"
    usage = (
        "usage: docker run [OPTIONS] IMAGE [ARGUMENTS]\n"
        "  start SERVICE        run a service\n"
        "  cron                 run the jobs of the crontab\n"
        "  COMMAND [ARGS...]    run the script /scripts/COMMAND if there is one, else a command\n"
        "  (nothing)            an interactive shell, with -ti\n"
        "  --help, --version\n"
        "       docker exec CONTAINER grocker-runner exec COMMAND [ARGS...]\n"
        "                       run a command in the environment of a running container\n"
        "       docker exec CONTAINER grocker-runner config\n"
        "                       the configuration, and where each value is from\n"
        "       docker run --health-cmd 'grocker-runner health' ...\n"
        "                       whether what is started lives\n"
        f"services: {listed(image)}\n"
    )
    text = version if what == "--version" else usage + version
    try:
        os.write(1, text.encode())
    except OSError:
        pass  # nobody listens
    return 0


def _command(image: Spec, arguments: tuple[str, ...], mask: set[int]) -> int:
    from .process import one_shot

    places = Places()
    tells = _tells(arguments, places.scripts)
    try:
        with signals.Interruptible():
            if not arguments:
                _need_stdin()
            if os.getuid() == 0:
                warn("running as root: files that are written belong to root; leave --user out")
            from .prepare.preparation import prepare

            environ = prepare(image, os.environ, places, strict=bool(arguments) and not tells)
            if tells:
                return _told(arguments[1], arguments[2:], warned=True)
            _check_scripts(places.scripts)
            program = _program(arguments, environ["PATH"], places)
    except Asked as asked:
        return 128 + asked.number
    return one_shot.run(program, environ, mask)


def _tells(arguments: tuple[str, ...], scripts: str) -> bool:
    """Whether it is a subcommand of ours that status 78 does not stop (C5), and no script of our name."""
    from .process.program import is_script

    if arguments[:1] == ("grocker-runner",) and is_script("grocker-runner", scripts):
        return False
    names = ("grocker-runner", "/opt/grocker/bin/grocker-runner")
    return arguments[:1] != () and arguments[0] in names and arguments[1:2] not in ((), ("run",), ("exec",))


def _program(arguments: tuple[str, ...], search: str, places: Places) -> Program:
    from .process import program

    if not arguments:
        return program.Program(path=places.shell, arguments=(places.shell,))
    return program.find(arguments, search, places.scripts)


def _need_stdin() -> None:
    """E10: a shell that would end at once, having read nothing."""
    found, null = os.fstat(0), os.stat(os.devnull)
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == null.st_rdev:
        raise Failure(USAGE, "a shell has nothing to read here: pass -ti, or a command")


def _check_scripts(directory: str) -> None:
    """V3, E5."""
    try:
        found = os.stat(directory)
    except FileNotFoundError:
        return
    except OSError as error:  # a mount that is gone at the other end, as NFS's
        warn(f"{directory}: {reason(error)}: it counts as empty: see to its mount on the host")
        return
    if stat.S_ISDIR(found.st_mode) and not os.access(directory, os.W_OK | os.X_OK):
        from .prepare.account import on_host

        uid = os.getuid()
        outside = on_host(uid)
        mapped = f", {outside} on the host: with podman --userns=keep-id:uid={uid}, else" if outside != uid else ":"
        warn(
            f"{directory} is not writable for uid {uid}{mapped} on the host, sudo chown -R {outside} the folder, "
            "or chmod -R go+rwX it"
        )


def _start(image: Spec, arguments: tuple[str, ...], mask: set[int]) -> int:
    from .contract.services import find

    name, service = find(image, arguments)
    if os.getuid() == 0:
        raise Failure(USER, "start: not as root: leave --user out, or give it another uid")
    from .supervise.service import serve

    return serve(image, name, service, Places(), mask)


def _cron(image: Spec, arguments: tuple[str, ...], mask: set[int]) -> int:
    if arguments:
        raise Failure(USAGE, f"cron: nothing behind it, not {arguments[0]!r}: the jobs are those of the crontab")
    if os.getuid() == 0:
        raise Failure(USER, "cron: not as root: leave --user out, or give it another uid")
    from .cron.service import serve
    from .cron.status import supervised

    return serve(image, Places(), mask, on_start=supervised(image, Places()))


def _exec(arguments: tuple[str, ...], mask: set[int]) -> int:
    from .base import scratch
    from .prepare import environment
    from .process import program
    from .process.child import become

    if not arguments:
        raise Failure(USAGE, "exec: name a command")
    places = Places()
    record = scratch.load(places.scratch)
    if record.failure:
        raise Failure(CONFIGURATION, record.failure)
    environ = environment.resumed(_spec(), record.prepared, record.given, os.environ)
    become(program.find(arguments, environ.get("PATH", os.defpath), places.scripts), environ, mask)
