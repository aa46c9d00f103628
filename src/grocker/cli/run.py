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
from typing import Any, Literal

from msgspec.structs import replace

from grocker.cli.request import asked, session
from grocker.cli.terminal import Style
from grocker.deploy.engine_run import Host, Wish, command_line, unwritable
from grocker.errors import UnavailableError
from grocker.oci import reference

Engine = Literal["docker", "podman"]
_IMAGE = re.compile(r"[^=<>~!\[\]]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})\Z")


def run_run(options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Never returns: the engine takes this process's place, with its terminal, signals and exit status."""
    what = options["source"]
    with session(environ, quiet=options["quiet"]) as tools:
        engine, image = (
            (_engine(options["engine"], environ), _engine_name(what, options["engine"], environ))
            if is_image(what)
            else _built(options, environ, tools)
        )
    base = options["mounts"].absolute()
    host = _host(base, engine)
    wish = Wish(
        engine,
        image,
        tuple(options["arguments"]),
        options["port"],
        options["supervision"],
        options["env"],
        tuple(shlex.split(options["engine_options"])),
    )
    line = command_line(wish, host)
    style = Style.of(sys.stderr, environ)
    if not options["quiet"]:
        sys.stderr.write(f"{style.dim('+')} {shlex.join(line)}\n")
    if not host.rootless:  # where the user's own uid is 1000 inside
        for name in unwritable([(n, *_owner(base / n)) for n in sorted(host.directories)]):
            place = base / name
            sys.stderr.write(f"{style.yellow('warning:')} {place} is not writable for uid 1000, the container's\n")
            sys.stderr.write(f"{style.dim('hint:')} sudo chown -R 1000 {shlex.quote(str(place))}\n")
    sys.stderr.flush()
    program = shutil.which(engine, path=environ.get("PATH"))
    if program is None:
        raise UnavailableError(f"there is no program {engine} on the PATH", hint=f"install it: apt install {engine}")
    os.execve(program, list(line), dict(environ))  # noqa: S606 - the engine takes over terminal and signals


def is_image(text: str) -> bool:
    """Whether ``text`` names an image rather than a source: it has a tag or a digest, and is no path."""
    return not text.startswith((".", "/")) and _IMAGE.match(text) is not None


def _built(options: Mapping[str, Any], environ: Mapping[str, str], tools: Any) -> tuple[Engine, str]:
    from grocker.builder.build import build
    from grocker.images.outputs import Host as Outputs
    from grocker.images.outputs import sinks

    engine = _engine(options["engine"], environ)
    outputs = Outputs(environ, Path.cwd(), os.getuid(), lambda: tools.transport, tools.store.scratch)
    request = replace(asked(options, environ), sinks=sinks([engine], push=False, host=outputs))
    built = build(request, **tools.arguments())
    return engine, built.delivered[0].place


def _engine(named: Engine | None, environ: Mapping[str, str]) -> Engine:
    """The engine that was asked for, else docker when its daemon answers, else podman."""
    from grocker.images.docker import Docker
    from grocker.images.engine import of_environment

    if named is not None:
        return named
    if shutil.which("docker", path=environ.get("PATH")) and Docker(of_environment(environ)).answers():
        return "docker"
    if shutil.which("podman", path=environ.get("PATH")):
        return "podman"
    raise UnavailableError(
        "no engine can run the image: docker does not answer, and podman is not installed",
        hint="start docker (sudo systemctl start docker), or install podman (sudo apt install podman)",
    )


def _engine_name(text: str, engine: Engine | None, environ: Mapping[str, str]) -> str:
    name = reference.parse(text)
    if name.digest is not None:
        return text
    return name.docker if _engine(engine, environ) == "docker" else name.podman


def _host(base: Path, engine: Engine) -> Host:
    return Host(
        directories=frozenset(name for name in ("config", "media", "scripts") if (base / name).is_dir()),
        base=base,
        syslog=_is_socket(Path("/dev/log")),
        terminal=sys.stdin.isatty() and sys.stdout.isatty(),
        rootless=engine == "podman" and os.getuid() != 0,
        selinux=Path("/sys/fs/selinux/enforce").exists(),
    )


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_mode
