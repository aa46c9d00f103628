"""``docker run`` and ``podman run`` as the contract has them (docs/reference/image-contract.md, "Interfaces")."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from grocker.runner.contract import names

EngineName = Literal["docker", "podman"]

_MOUNTS = (("config", names.CONFIG, "ro"), ("media", names.MEDIA, "rw"), ("scripts", names.SCRIPTS, "rw"))
_UID = 1000


class Host(msgspec.Struct, frozen=True):
    """What the command line depends on, of the host."""

    directories: frozenset[str]
    """which of ``config``, ``media`` and ``scripts`` exist below ``base``"""
    base: Path
    """absolute"""
    syslog: bool
    """whether /dev/log is a socket"""
    terminal: bool
    """whether standard input and output are a terminal"""
    rootless: bool
    """whether the engine is a podman of an ordinary user"""
    selinux: bool


class EngineRun(msgspec.Struct, frozen=True):
    """What to run, and how."""

    engine: EngineName
    image: str
    arguments: tuple[str, ...]
    port: int
    """of the host, for the application port; 0: the engine chooses"""
    supervision: int
    """of the host, for the status port; 0: the engine chooses"""
    variables: tuple[str, ...] = ()
    """``NAME=VALUE`` or ``NAME``, as the engines take them"""
    variable_files: tuple[str, ...] = ()
    """files of variables, as the engines read them"""
    options: tuple[str, ...] = ()
    """further options of the engine, as they are"""


def command_line(run: EngineRun, host: Host) -> tuple[str, ...]:
    """Make the command line that runs the image: with the mounts that exist, and removed at its end.

    Ports are published for ``start`` (both) and ``cron`` (supervision); commands open none (P2).
    """
    service = run.arguments[:1]
    line = [run.engine, "run", "--rm"]
    line += ["-ti"] if host.terminal else [] if service in (("start",), ("cron",)) else ["-i"]
    if host.rootless:
        line.append(f"--userns=keep-id:uid={_UID}")
    relabel = ",z" if host.selinux else ""
    for name, target, mode in _MOUNTS:
        if name in host.directories:
            line += ["-v", f"{host.base / name}:{target}:{mode}{relabel}"]
    if host.syslog:
        line += ["-v", f"{names.SYSLOG_SOCKET}:{names.SYSLOG_SOCKET}:rw"]
    if service == ("start",):
        line += ["-p", _published(run.port, names.APPLICATION_PORT)]
    if service in (("start",), ("cron",)):
        line += ["-p", _published(run.supervision, names.STATUS_PORT)]
    for file in run.variable_files:
        line += ["--env-file", file]
    for variable in run.variables:
        line += ["-e", variable]
    return (*line, *run.options, run.image, *run.arguments)


def host_ports(run: EngineRun) -> tuple[int, ...]:
    """List the ports of the host that ``command_line`` names; the engine chooses others itself."""
    service = run.arguments[:1]
    ports = (*((run.port,) if service == ("start",) else ()), run.supervision)
    return tuple(port for port in ports if port) if service in (("start",), ("cron",)) else ()


def unwritable(owners: Sequence[tuple[str, int, int]]) -> tuple[str, ...]:
    """List the directories, of (directory, uid, mode), that the image's user cannot write to, except ``config``."""
    return tuple(name for name, uid, mode in owners if name != "config" and uid != _UID and not mode & 0o002)


def _published(port: int, target: int) -> str:
    return f"{port}:{target}" if port else str(target)
