"""A wheel as a value, apart from what reads one: a source tree becomes one without any archive."""

from __future__ import annotations

import msgspec

from grocker.python.metadata import EntryPoint, Metadata
from grocker.tar.entry import Entry


class Wheel(msgspec.Struct, frozen=True):
    """A wheel as the image gets it."""

    file: str
    """its file name"""
    name: str
    """the project's normalised name"""
    version: str
    """as in METADATA"""
    site: str
    """the entry path of its site directory"""
    pure: bool
    """whether it has no binaries, and no platform in its tags"""
    metadata: Metadata
    entry_points: tuple[EntryPoint, ...]
    entries: tuple[Entry, ...]
    """directories and files, sorted by path, without bytecode"""
    faults: tuple[str, ...] = ()
    """deviations from the specification that installers put up with; a few of them, for people"""
