"""``grocker lock``: pin everything that an image is made of."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from grocker.cli.options import INPUTS, QUIET, SOURCE, with_options
from grocker.cli.options import command as declare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grocker.lock.values import Lock


@declare("lock", short_help="pin everything that an image is made of")
@with_options(SOURCE, *INPUTS)
@click.option(
    "--upgrade",
    multiple=True,
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Upgrade NAME, or everything.",
)
@with_options(QUIET)
def command(**options: Any) -> None:
    """Write grocker.lock: Debian packages, wheels and build requirements of SOURCE, with sizes and digests.

    Versions in an existing lock file are kept where they still fit. Debian packages move together, because the archive
    serves one version of each: upgrading one of them upgrades all. `grocker build` uses the lock file if it fits;
    `grocker build --locked` fails if it does not. Without --platform, the platforms are those already locked.
    """
    from msgspec.structs import replace

    from grocker.builder.lock import make_lock
    from grocker.cli.request import lock_path, open_context, request_from_options
    from grocker.lock.document import render
    from grocker.store.writing import destination, write_whole

    request = request_from_options(options, os.environ)
    if not options["platforms"] and request.lock is not None:
        request = replace(request, platforms=tuple(one.platform for one in request.lock.platforms))
    names: tuple[str, ...] | None = tuple(name for name in options["upgrade"] if name)
    if not options["upgrade"]:
        names = None
    elif "" in options["upgrade"]:
        names = ()
    with open_context(os.environ, quiet=options["quiet"], emulates=options["emulate"]) as tools:
        lock = make_lock(request, tools, upgrade=names)
    path = lock_path(request.origin, options["lock"])
    target = destination(path)
    write_whole(target, render(lock).encode(), temporary=target.with_name(f".{target.name}.{os.getpid()}"))
    if not options["quiet"]:
        old, new = versions(request.lock), versions(lock)
        for name, platform in sorted({*old, *new}):
            was, now = old.get((name, platform), "none"), new.get((name, platform), "none")
            if was != now and old:
                sys.stderr.write(f"  {name}: {was} → {now} ({platform})\n")
        for line in unchanged(names, old, new):
            sys.stderr.write(f"  {line}\n")
        counts = ", ".join(
            f"{len(one.debian)} packages and {len(one.python)} wheels for {one.platform}" for one in lock.platforms
        )
        sys.stderr.write(f"{path}: {counts}\n")


def unchanged(
    upgraded: Sequence[str] | None, old: Mapping[tuple[str, str], str], new: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    """Say of what ``--upgrade`` named that it stayed as it was. ``upgraded``: empty for everything."""
    from grocker.python.metadata import normalise_name

    if upgraded == () and old == new:
        yield "nothing newer fits"
    for name in upgraded or ():
        found = {key: version for key, version in new.items() if key[0] == normalise_name(name)}
        if found and all(old.get(key) == version for key, version in found.items()):
            yield f"{name}: {', '.join(sorted(set(found.values())))} is the newest that fits"


def versions(lock: Lock | None) -> dict[tuple[str, str], str]:
    """Map each package and wheel to its version, by name and platform."""
    found: dict[tuple[str, str], str] = {}
    for one in lock.platforms if lock is not None else ():
        found.update({(package.name, one.platform): package.version for package in one.debian})
        found.update({(file.name, one.platform): file.version for file in one.python})
    return found
