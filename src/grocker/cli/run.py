"""``grocker run``: build if need be, load, and hand over to the engine with the contract's command line."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grocker.cli.completion import complete_arguments, complete_source
from grocker.cli.options import ENGINE, FILE, INPUTS, QUIET, RESOLUTION, examples, with_options
from grocker.cli.options import command as declare
from grocker.errors import UnavailableError, UsageError
from grocker.regex import regex
from grocker.runner.contract.names import APPLICATION_PORT, STATUS_PORT, SYSLOG_SOCKET

if TYPE_CHECKING:
    from grocker.builder.result import Built
    from grocker.cli.watch import Watch
    from grocker.context import Context
    from grocker.deploy.engine_run import EngineName, Host

_IMAGE = regex(r"[^=<>~!\[\]]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})\Z")


_MOUNTED = ("config", "media", "scripts")


@declare(
    "run",
    short_help="run an image, building it first if needed",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    epilog=examples("grocker run . start www", "grocker run --port 9000 polls:1.0 start www"),
)
@click.argument("source", metavar="SOURCE|IMAGE", shell_complete=complete_source)
@click.argument("arguments", nargs=-1, shell_complete=complete_arguments)
@click.option("--engine", type=ENGINE, metavar="ENGINE", help="docker or podman. Default: docker if it answers.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=APPLICATION_PORT,
    metavar="PORT",
    help=f"Host port of the service ({APPLICATION_PORT}).",
)
@click.option(
    "--supervision",
    type=click.IntRange(0, 65535),
    default=STATUS_PORT,
    metavar="PORT",
    help=f"Host port of supervision ({STATUS_PORT}).",
)
@click.option("-e", "--env", multiple=True, metavar="NAME[=VALUE]", help="Variable of the container.")
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="File with variables of the container.")
@click.option(
    "--mounts",
    type=FILE,
    default=Path(),
    metavar="DIR",
    help="Directory with config, media, scripts. Default: .",
)
@click.option("--engine-options", default="", metavar="TEXT", help="Extra options for the engine's `run`.")
@click.option("--watch", is_flag=True, help="Rebuild and restart whenever a file changes.")
@with_options(*INPUTS, *RESOLUTION, QUIET)
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Run an application as the image contract says: with its mounts, ports, /dev/log and terminal.

    SOURCE is as for `grocker build`; an IMAGE has a tag (polls:1.0) or a digest. ARGUMENTS go to the image:
    `start SERVICE`, a command, a script, or nothing for a shell. ./config, ./media and ./scripts are mounted if they
    exist. Grocker shows the engine's command line, then replaces itself with the engine. Options go before SOURCE.

    With --watch, Grocker rebuilds and restarts the service after each change to a file that it depends on, until you
    press Ctrl-C.
    """
    from msgspec.structs import replace

    from grocker.cli.request import open_context
    from grocker.cli.terminal import Style
    from grocker.deploy.engine_run import EngineRun, command_line, host_ports, unwritable

    environ = os.environ
    what = options["source"]
    _refuse_misplaced_option(context, options["arguments"])
    if options["watch"] and (is_image(what) or options["arguments"][:1] not in (("start",), ("cron",))):
        raise UsageError(
            "--watch requires a source and a service",
            hint="for example: grocker run --watch . start www",
        )
    with open_context(environ, quiet=options["quiet"]) as tools:
        engine = _choose_engine(options["engine"], environ, tools)
    watch = _watch(options, environ, engine) if options["watch"] else None
    built: Built | None = None
    if is_image(what):
        image = _name_image(what, engine)
    else:
        built = watch.first() if watch is not None else _build(options, environ, engine)
        image = built.delivered[0].place
    base = options["mounts"].absolute()
    host = _look_at_host(base, engine, is_watched=watch is not None)
    run = EngineRun(
        engine,
        image,
        tuple(options["arguments"]),
        options["port"],
        options["supervision"],
        options["env"],
        options["env_files"],
        tuple(shlex.split(options["engine_options"])),
    )
    line = command_line(run, host)
    published = host_ports(run)
    if _is_local(engine, environ):
        _check_ports(published, context)
    style = Style.of(sys.stderr, environ)
    for name in _links_out(base):
        target = os.path.realpath(base / name)
        sys.stderr.write(
            f"{style.yellow('warning:')} {base / name} is not mounted: it points outside {base}, to {target}\n"
        )
        option = shlex.quote(f"-v {target}:/{name}")
        sys.stderr.write(f"{style.dim('hint:')} to mount it anyway: --engine-options {option}\n")
    if not options["quiet"]:
        sys.stderr.write(f"{style.dim('+')} {shlex.join(line)}\n")
        if built is not None and starts_without_http(built, options["arguments"]):
            published = tuple(port for port in published if port != run.port)
        for port in published if _is_local(engine, environ) else ():
            what = "application" if port == run.port else "status"
            sys.stderr.write(f"{style.dim(f'{what}:')} http://localhost:{port}/\n")
    if not host.rootless:  # where the user's own uid is 1000 inside
        for name in unwritable([(n, *_owner(base / n)) for n in sorted(host.directories)]):
            place = base / name
            sys.stderr.write(f"{style.yellow('warning:')} {place} is not writable by the container's user (uid 1000)\n")
            sys.stderr.write(f"{style.dim('hint:')} sudo chown -R 1000 {shlex.quote(str(place))}\n")
    sys.stderr.flush()
    program = shutil.which(engine, path=environ.get("PATH"))
    if program is None:
        raise UnavailableError(f"{engine} is not on the PATH", hint=f"install it: sudo apt install {engine}")
    if watch is not None:
        from grocker.cli.watched_run import run_watched

        run_watched(watch, lambda image: command_line(replace(run, image=image), host), image)
    os.execve(program, list(line), dict(environ))  # noqa: S606 - the engine takes over terminal and signals


def is_image(text: str) -> bool:
    """Whether ``text`` names an image rather than a source: it has a tag or a digest, and is not a path."""
    return not text.startswith((".", "/")) and _IMAGE.match(text) is not None


def starts_without_http(built: Built, arguments: Sequence[str]) -> bool:
    """Whether ``arguments`` start a service that is not known to serve HTTP, so that no address is shown for it.

    The port is published all the same: nothing tells whether a command listens.
    """
    service = "".join(arguments[1:2])
    return tuple(arguments[:1]) == ("start",) and service in built.services and service not in built.web


def _watch(options: Mapping[str, Any], environ: Mapping[str, str], engine: EngineName) -> Watch:
    from grocker.cli.watch import Watch

    return Watch(lambda: _build(options, environ, engine))


def _build(options: Mapping[str, Any], environ: Mapping[str, str], engine: EngineName) -> Built:
    from msgspec.structs import replace

    from grocker.builder.build import build
    from grocker.cli.request import open_context, place_context, request_from_options
    from grocker.images.places import open_sink

    with open_context(environ, quiet=options["quiet"], emulates=options["emulate"]) as tools:
        sinks = (open_sink(engine, place_context(tools)),)
        return build(replace(request_from_options(options, environ), sinks=sinks), tools)


def _choose_engine(named: EngineName | None, environ: Mapping[str, str], tools: Context) -> EngineName:
    """Choose the engine: the one named, else docker when its daemon answers, else podman."""
    from grocker.images.docker import Docker
    from grocker.images.engine import of_environment
    from grocker.images.podman import warn_instead_of_docker

    if named is not None:
        return named
    engine = of_environment(environ)
    has_docker = shutil.which("docker", path=environ.get("PATH")) is not None
    if has_docker and Docker(engine).answers():
        return "docker"
    if shutil.which("podman", path=environ.get("PATH")):
        if environ.get("DOCKER_HOST") or (has_docker and _is_socket(Path(engine.address.removeprefix("unix://")))):
            warn_instead_of_docker(engine.address, tools.progress)
        return "podman"
    raise UnavailableError(
        "cannot run the image: docker does not answer and podman is not installed",
        hint="start docker (sudo systemctl start docker), or install podman (sudo apt install podman)",
    )


def _name_image(text: str, engine: EngineName) -> str:
    from grocker.oci import reference

    name = reference.parse(text)
    if name.digest is not None:
        return text
    return name.docker if engine == "docker" else name.podman


def _refuse_misplaced_option(context: click.Context, arguments: Sequence[str]) -> None:
    """Raise UsageError when the image's arguments begin with an option of ``grocker run``, which the image lacks."""
    first, equals, _ = arguments[0].partition("=") if arguments else ("", "", "")
    option = next((one for one in context.command.params if first in one.opts), None)
    if isinstance(option, click.Option):
        value = "" if option.is_flag or equals else f" {' '.join(arguments[1:2])}"
        rest = arguments[1 if option.is_flag or equals else 2 :]
        line = shlex.join([context.params["source"], *rest])
        raise UsageError(
            f"{first} is an option of grocker run, but comes after {context.params['source']}",
            hint=f"options go first: grocker run {arguments[0]}{value} {line}",
        )


def _is_local(engine: EngineName, environ: Mapping[str, str]) -> bool:
    """Whether the engine publishes ports on this machine."""
    return engine == "podman" or not environ.get("DOCKER_HOST", "").strip().startswith(("tcp:", "http:"))


def _check_ports(ports: Sequence[int], context: click.Context) -> None:
    """Raise UnavailableError when something listens on one of them already; the engine would say so at length."""
    import socket

    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    continue  # the engine may be allowed what we are not
                option = "--port" if port == context.params["port"] else "--supervision"
                raise UnavailableError(
                    f"port {port} of this host is in use",
                    hint=f"choose another one: grocker run {option} {port + 10000 if port < 50000 else 0} …",
                ) from error


def _look_at_host(base: Path, engine: EngineName, *, is_watched: bool) -> Host:
    from grocker.deploy.engine_run import Host

    return Host(
        directories=frozenset(name for name in _MOUNTED if (base / name).is_dir()) - set(_links_out(base)),
        base=base,
        syslog=_is_socket(Path(SYSLOG_SOCKET)),
        terminal=sys.stdin.isatty() and sys.stdout.isatty() and not is_watched,
        rootless=engine == "podman" and os.getuid() != 0,
        selinux=Path("/sys/fs/selinux/enforce").exists(),
    )


def _links_out(base: Path) -> list[str]:
    """The directories that are links out of ``base``: a project that somebody else wrote could mount anything."""
    root = os.path.realpath(base)
    inside = [name for name in _MOUNTED if os.path.realpath(base / name).startswith(root.rstrip("/") + "/")]
    return [name for name in _MOUNTED if name not in inside and (base / name).is_dir()]


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_mode
