"""Entries as files of a directory of the host: for running the image's interpreter from there, never for making layers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from grocker.layer.entry import Directory, Entry, File, Hardlink, Symlink
from grocker.layer.tar import chunks, ordered


def unpack(entries: Iterable[Entry], root: Path) -> None:
    """Write the entries below ``root``, an existing directory of ours; owners and special bits are left out.

    A path that an earlier entry made is kept: whoever comes first wins. No link is followed on the way, because
    directories of entries are real directories and nothing else is made where one is.
    """
    for entry in ordered(entries):
        place = root / entry.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink() or (place.exists() and not isinstance(entry, Directory)):
            continue
        match entry:
            case Directory():
                place.mkdir(exist_ok=True)
            case File():
                with open(place, "wb") as stream:
                    for chunk in chunks(entry):
                        stream.write(chunk)
                place.chmod(0o755 if entry.mode & 0o111 else 0o644)
            case Symlink():
                place.symlink_to(entry.target)
            case Hardlink():
                place.hardlink_to(root / entry.target)
