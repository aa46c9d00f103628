"""What commands that resolve or build share: their tools, and the request that their options make."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grocker.cli.replay import cache_directory
from grocker.cli.terminal import display
from grocker.context import Context
from grocker.errors import SettingsError, UsageError
from grocker.images.sink import PlaceContext
from grocker.inputs.nested_project import find_nested
from grocker.inputs.origin import Origin, parse_origin
from grocker.inputs.request import EPOCH, Request
from grocker.lock.values import NAME
from grocker.platforms.architectures import ARCHITECTURES, BY_MACHINE
from grocker.resolve import lock as locks
from grocker.store import Store
from grocker.web import Transport


def place_context(tools: Context) -> PlaceContext:
    """What places of images work with, of the tools."""
    return PlaceContext(tools.store, tools.transport, tools.environ, Path.cwd(), os.getuid())


@contextmanager
def open_context(environ: Mapping[str, str], *, quiet: bool, emulates: bool = False) -> Iterator[Context]:
    """Open the tools of a command; they are closed at the end of the block. ``emulates``: see ``Context``."""
    now = time.time()
    with (
        Transport(environ=environ) as transport,
        display(sys.stderr, environ, quiet=quiet) as progress,
        Store.open(Path(cache_directory(environ))) as store,
    ):
        yield Context(store, transport, progress, environ, now, emulates)


def request_from_options(options: Mapping[str, Any], environ: Mapping[str, str]) -> Request:
    """Make a request of the options that commands share. Raises UsageError, SettingsError."""
    origin = parse_origin(options["source"], Path.cwd())
    if options["config"] is None:
        origin = find_nested(origin)
    lock_file = lock_path(origin, options["lock"])
    lock = locks.read(lock_file)
    return Request(
        origin=origin,
        settings=options["config"],
        platforms=tuple(dict.fromkeys(options["platforms"])) or (host_platform(),),
        suite=options["suite"],
        epoch=epoch(environ),
        refresh=options.get("refresh", False),
        lock=lock,
        ignore_lock=options["ignore_lock"],
        extras=options["extras"],
        groups=options["groups"],
        lock_file=lock_file,
        locked=options.get("locked", False),
    )


def host_platform() -> str:
    """This host's platform, which its engines run; the first that Grocker builds for if this host's is not one."""
    architecture = BY_MACHINE.get(os.uname().machine) or next(iter(ARCHITECTURES.values()))
    return f"linux/{architecture.name}"


def lock_path(origin: Origin, named: Path | None) -> Path:
    """The lock file of ``origin``: ``named``, else in the project, beside the script, or in the working directory."""
    if named is not None:
        return named
    if origin.kind == "script" and origin.path is not None:
        return origin.path.with_name(f"{origin.path.stem}.{NAME}")
    return (origin.path if origin.kind == "project" and origin.path is not None else Path()) / NAME


def epoch(environ: Mapping[str, str]) -> int:
    """SOURCE_DATE_EPOCH in seconds (reproducible-builds.org/specs/source-date-epoch), else the constant."""
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return EPOCH
    if not (text.isascii() and text.isdigit()) or int(text) > 0o77777777777:
        raise SettingsError(
            f"invalid SOURCE_DATE_EPOCH {text!r}", hint="set it to seconds since 1970 as a decimal number, or unset it"
        )
    return int(text)


def parse_labels(given: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` options. UsageError for anything else, and for a name that is Grocker's own."""
    result = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(
                f"invalid --label {text!r}: expected NAME=VALUE",
                hint="for example: --label org.opencontainers.image.revision=1a2b3c",
            )
        if name.startswith("org.grocker."):
            raise UsageError(
                f"invalid --label {text!r}: names that start with org.grocker. are reserved", hint="choose another name"
            )
        result[name] = value
    return result
