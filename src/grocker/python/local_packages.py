"""Packages in directories of this host: unlike an index's, their files may be other ones at any time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR
from urllib.parse import unquote, urlsplit

from grocker.python.indexes import ADDRESSES, named_addresses, read_uv_table, uv_files
from grocker.regex import regex

_PACKAGE = regex(r"\.(whl|zip|html|json|t(ar\.)?(gz|bz2|xz))$")


def find_local_packages(
    directory: Path | None, environment: Mapping[str, str], etc: Path = Path("/etc")
) -> tuple[Path, ...]:
    """Return the directories and the files in them that uv finds packages in without a network, sorted.

    They are those of ``find-links`` and of indexes that are directories. ``directory``: the project's, None without
    one. ``environment``: uv's, see ``uv.Uv``.
    """
    base = (directory or Path()).absolute()
    files = uv_files(base if directory is not None else None, environment, etc)
    named = [(file.parent, one) for file in files for one in named_addresses(read_uv_table(file))]
    named += [(base, one) for name in ADDRESSES for one in environment.get(name, "").split()]
    named += [(base, one) for one in environment.get("UV_FIND_LINKS", "").split(",") if one]
    tops = {path for where, address in named if (path := _local_path(where, address)) is not None}
    # An index has a directory for each project (PEP 503); find-links has all files in one.
    places = {place for top in tops for place in (top, *top.glob("*/"))}
    return tuple(sorted({*places, *(file for one in places for file in one.glob("*") if _PACKAGE.search(file.name))}))


def local_packages_key(directory: Path | None, environment: Mapping[str, str]) -> list[tuple[str, int, int, int]]:
    """Return what changes with a file of ``find_local_packages``: each with its size, mtime and ctime."""
    found = []
    for path in find_local_packages(directory, environment):
        try:
            about = path.stat()
        except OSError:
            continue
        if not S_ISDIR(about.st_mode):
            found.append((str(path), about.st_size, about.st_mtime_ns, about.st_ctime_ns))
    return found


def _local_path(base: Path, address: str) -> Path | None:
    """Return the path that an address means, whether it is there or not; None for one that means none."""
    address = re.sub(r"^[\w-]+=", "", address)
    try:
        parts = urlsplit(address)
        if "://" in address and parts.scheme != "file":
            return None
        path = Path(unquote(parts.path)) if parts.scheme == "file" else base / address
        with suppress(FileNotFoundError):
            path.stat()
    except (OSError, ValueError):  # uv says what is wrong with it
        return None
    return path
