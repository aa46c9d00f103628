"""``grocker run``: build if need be, load, and hand over to the engine with the contract's command line."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grocker.cli.options import ENGINE, FILE, INPUTS, QUIET, RESOLUTION, examples, with_options
from grocker.cli.options import command as declare
from grocker.runner.contract.names import APPLICATION_PORT, STATUS_PORT, SYSLOG_SOCKET

if TYPE_CHECKING:
    from grocker.context import Context
    from grocker.deploy.engine_run import EngineName, Host

_IMAGE = re.compile(r"[^=<>~!\[\]]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})\Z")


_MOUNTED = ("config", "media", "scripts")


@declare(
    "run",
    short_help="run an image, building it first if needed",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    epilog=examples("grocker run . start www", "grocker run --port 9000 polls:1.0 start www"),
)
@click.argument("source", metavar="SOURCE|IMAGE")
@click.argument("arguments", nargs=-1)
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
@click.option(
    "--mounts",
    type=FILE,
    default=Path(),
    metavar="DIR",
    help="Directory with config, media, scripts. Default: .",
)
@click.option("--engine-options", default="", metavar="TEXT", help="Extra options for the engine's `run`.")
@with_options(*INPUTS, *RESOLUTION, QUIET)
def command(**options: Any) -> None:
    """Run an application as the image contract says: with its mounts, ports, /dev/log and terminal.

    SOURCE is as for `grocker build`; an IMAGE has a tag (polls:1.0) or a digest. ARGUMENTS are those of the image:
    `start SERVICE`, a command, a script, or nothing for a shell. ./config, ./media and ./scripts are mounted if they
    exist. Grocker shows the engine's command line, then replaces itself with the engine. Options go before SOURCE.
    """
    from grocker.cli.request import open_context
    from grocker.cli.terminal import Style
    from grocker.deploy.engine_run import EngineRun, command_line, unwritable
    from grocker.errors import UnavailableError

    environ = os.environ
    what = options["source"]
    with open_context(environ, quiet=options["quiet"]) as tools:
        engine, image = (
            (_choose_engine(options["engine"], environ), _engine_name(what, options["engine"], environ))
            if is_image(what)
            else _build(options, environ, tools)
        )
    base = options["mounts"].absolute()
    host = _look_at_host(base, engine)
    run = EngineRun(
        engine,
        image,
        tuple(options["arguments"]),
        options["port"],
        options["supervision"],
        options["env"],
        tuple(shlex.split(options["engine_options"])),
    )
    line = command_line(run, host)
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
    if not host.rootless:  # where the user's own uid is 1000 inside
        for name in unwritable([(n, *_owner(base / n)) for n in sorted(host.directories)]):
            place = base / name
            sys.stderr.write(f"{style.yellow('warning:')} {place} is not writable by the container's user (uid 1000)\n")
            sys.stderr.write(f"{style.dim('hint:')} sudo chown -R 1000 {shlex.quote(str(place))}\n")
    sys.stderr.flush()
    program = shutil.which(engine, path=environ.get("PATH"))
    if program is None:
        raise UnavailableError(f"{engine} is not on the PATH", hint=f"install it: sudo apt install {engine}")
    os.execve(program, list(line), dict(environ))  # noqa: S606 - the engine takes over terminal and signals


def is_image(text: str) -> bool:
    """Whether ``text`` names an image rather than a source: it has a tag or a digest, and is not a path."""
    return not text.startswith((".", "/")) and _IMAGE.match(text) is not None


def _build(options: Mapping[str, Any], environ: Mapping[str, str], tools: Context) -> tuple[EngineName, str]:
    from msgspec.structs import replace

    from grocker.builder.build import build
    from grocker.cli.request import place_context, request_from_options
    from grocker.images.places import open_sink

    engine = _choose_engine(options["engine"], environ)
    request = replace(request_from_options(options, environ), sinks=(open_sink(engine, place_context(tools)),))
    built = build(request, tools)
    return engine, built.delivered[0].place


def _choose_engine(named: EngineName | None, environ: Mapping[str, str]) -> EngineName:
    """Choose the engine: the one named, else docker when its daemon answers, else podman."""
    from grocker.errors import UnavailableError
    from grocker.images.docker import Docker
    from grocker.images.engine import of_environment

    if named is not None:
        return named
    if shutil.which("docker", path=environ.get("PATH")) and Docker(of_environment(environ)).answers():
        return "docker"
    if shutil.which("podman", path=environ.get("PATH")):
        return "podman"
    raise UnavailableError(
        "cannot run the image: docker does not answer and podman is not installed",
        hint="start docker (sudo systemctl start docker), or install podman (sudo apt install podman)",
    )


def _engine_name(text: str, engine: EngineName | None, environ: Mapping[str, str]) -> str:
    from grocker.oci import reference

    name = reference.parse(text)
    if name.digest is not None:
        return text
    return name.docker if _choose_engine(engine, environ) == "docker" else name.podman


def _look_at_host(base: Path, engine: EngineName) -> Host:
    from grocker.deploy.engine_run import Host

    return Host(
        directories=frozenset(name for name in _MOUNTED if (base / name).is_dir()) - set(_links_out(base)),
        base=base,
        syslog=_is_socket(Path(SYSLOG_SOCKET)),
        terminal=sys.stdin.isatty() and sys.stdout.isatty(),
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
