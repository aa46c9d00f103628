"""What every command that decides or builds has in common: its tools, and the request that its options make."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from grocker.builder import locking
from grocker.builder.request import EPOCH, Request
from grocker.cli.replay import cache_directory
from grocker.cli.terminal import display
from grocker.errors import SettingsError, UsageError
from grocker.inputs.origin import Origin, parse
from grocker.lock.document import NAME
from grocker.platforms.target import ARCHITECTURES, MACHINES
from grocker.progress import Progress
from grocker.store import Store
from grocker.web import Transport


class Session(msgspec.Struct, frozen=True):
    """The tools of one command."""

    store: Store
    transport: Transport
    progress: Progress
    environ: Mapping[str, str]
    now: float
    """seconds since 1970: when the command began"""

    def arguments(self) -> dict[str, Any]:
        """As the functions of the builder take them."""
        return {
            "store": self.store,
            "transport": self.transport,
            "progress": self.progress,
            "environ": self.environ,
            "now": self.now,
        }


@contextmanager
def session(environ: Mapping[str, str], *, quiet: bool) -> Iterator[Session]:
    """The tools, closed at the end of the block."""
    now = time.time()
    with (
        Transport(environ=environ) as transport,
        display(sys.stderr, environ, quiet=quiet) as progress,
        Store.open(Path(cache_directory(environ))) as store,
    ):
        yield Session(store, transport, progress, environ, now)


def asked(options: Mapping[str, Any], environ: Mapping[str, str]) -> Request:
    """The request of the options that ``build``, ``plan`` and ``lock`` share."""
    origin = parse(options["source"], Path.cwd())
    lock = locking.read(lock_path(origin, options["lock"]))
    return Request(
        origin=origin,
        settings=options["config"],
        platforms=tuple(dict.fromkeys(options["platforms"])) or (host_platform(),),
        suite=options["suite"],
        epoch=epoch(environ),
        refresh=options.get("refresh", False),
        lock=lock,
        locked=options.get("locked", False),
    )


def host_platform() -> str:
    """This host's own, which its engines run; the first that Grocker builds for where it is none of those."""
    architecture = MACHINES.get(os.uname().machine, ARCHITECTURES[0])
    return f"linux/{architecture}"


def lock_path(origin: Origin, named: Path | None) -> Path:
    """Where the lock of ``origin`` lies: as named, else in the project, else in the working directory."""
    if named is not None:
        return named
    return (origin.path if origin.kind == "project" and origin.path is not None else Path()) / NAME


def epoch(environ: Mapping[str, str]) -> int:
    """SOURCE_DATE_EPOCH in seconds (reproducible-builds.org/specs/source-date-epoch), else the constant."""
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return EPOCH
    if not (text.isascii() and text.isdigit()) or int(text) > 0o77777777777:
        raise SettingsError(
            f"SOURCE_DATE_EPOCH is {text!r}", hint="seconds since 1970 as a decimal number, or unset the variable"
        )
    return int(text)


def labels(given: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` options as a mapping."""
    result = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"--label {text}: not NAME=VALUE", hint="--label org.opencontainers.image.revision=1a2b3c")
        if name.startswith("org.grocker."):
            raise UsageError(f"--label {text}: org.grocker.* is Grocker's own", hint="choose another name")
        result[name] = value
    return result
