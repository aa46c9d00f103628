"""A .deb: its control information, and its files as entries of a layer. Nothing is run or written.

Source: deb(5), deb-control(5); Debian Policy 3.3 and 6. Owners: Policy 10.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from grocker.debian import control, facts, version
from grocker.debian.deb_formats import Malformed, Stream, TarMember, ar_members, decompress, tar_members
from grocker.debian.facts import Facts
from grocker.debian.ownership import GROUPS, USERS
from grocker.debian.paths import MERGED, is_left_out, merge_usr
from grocker.debian.scripts import find_capabilities
from grocker.errors import CorruptError, StorageError
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink


class UnpackedPackage(msgspec.Struct, frozen=True):
    """A package's contribution to an image."""

    entries: tuple[Entry, ...]
    """sorted: directories before their contents; parents that the package does not ship are not added"""
    facts: Facts
    control: Mapping[str, bytes]
    """its control files by name: maintainer scripts, templates of debconf, and others"""


def unpack(path: Path, *, name: str) -> UnpackedPackage:
    """The package in the file ``path``, whose hash has been checked.

    ``name``: for errors ("bash 5.2.37-2"). Manual pages, documentation except copyright files, and
    translated messages are left out.
    Raises CorruptError when it is damaged, truncated or has unsafe paths; StorageError when it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"reading package {name}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
        ) from error
    return unpack_bytes(data, name=name)


def unpack_bytes(data: bytes, *, name: str) -> UnpackedPackage:
    """``unpack`` of the bytes of a .deb."""
    try:
        members = ar_members(data)
        if "debian-binary" not in members:
            raise Malformed("not a Debian package: debian-binary is missing")
        start, size = members["debian-binary"]
        if not data[start : start + size].startswith(b"2."):
            raise Malformed("unknown Debian package format")
        scripts = _control_files(*_member(data, members, "control.tar"))
        if "control" not in scripts:
            raise Malformed("control file is missing")
        fields = control.stanza(_decoded(scripts["control"]))
        for field in ("Package", "Version", "Architecture"):
            if not fields.get(field):
                raise Malformed(f"control file has no field {field}")
        version.key(fields["Version"])
        control.relations(fields.get("Replaces", ""))
        entries, unmerged = _entries(*_member(data, members, "data.tar"))
        extracted = facts.extract(fields, scripts, entries, unmerged)
        return UnpackedPackage(_with_capabilities(entries, find_capabilities(extracted)), extracted, scripts)
    except (Malformed, ValueError) as error:
        raise CorruptError(
            f"package {name}: {error}",
            hint="the mirror serves a damaged file: use another mirror",
        ) from error


def _with_capabilities(entries: tuple[Entry, ...], given: Mapping[str, bytes]) -> tuple[Entry, ...]:
    if not given:
        return entries
    return tuple(
        replace(entry, capability=given[entry.path]) if isinstance(entry, File) and entry.path in given else entry
        for entry in entries
    )


def _member(data: bytes, members: dict[str, tuple[int, int]], stem: str) -> tuple[str, memoryview]:
    for member, (start, size) in members.items():
        if member == stem or member.startswith(stem + "."):
            return member, memoryview(data)[start : start + size]
    raise Malformed(f"truncated: {stem} is missing")


def _control_files(member: str, data: memoryview) -> dict[str, bytes]:
    stream = Stream(decompress(member, data))
    return {_clean(found.name): stream.read(found.size) for found in tar_members(stream) if found.kind == "file"}


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"control file is not UTF-8: {error}") from error


def _clean(name: str) -> str:
    """A member's name as a path below the root, empty for the root itself."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise Malformed(f"path {name} leaves the root")
    if "\n" in name:
        raise Malformed(f"path {name!r} contains a line break")
    return "/".join(parts)


def _entries(
    archive: str, data: memoryview, linked: frozenset[str] = frozenset()
) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """Entries of the ``archive`` with those bytes, and for each path the package's own, unmerged one.

    ``linked``: files that are left out under their own name, but not under that of a hard link.
    """
    found: dict[str, Entry] = {}
    unmerged: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    stream = Stream(decompress(archive, data))
    for member in tar_members(stream):
        shipped = _clean(member.name)
        path = merge_usr(shipped)
        if not path:
            continue
        if member.kind == "symlink" and shipped in MERGED:
            continue  # base-files' own links; every image gets the same ones
        uid, gid = USERS.get(member.user, member.uid), GROUPS.get(member.group, member.gid)
        entry: Entry
        if member.kind == "directory":
            earlier = found.get(path)
            if isinstance(earlier, Directory):
                continue
            entry = Directory(path, member.mode, uid, gid)
        elif member.kind == "symlink":
            if not member.target:
                raise Malformed(f"{path} is a link without a target")
            entry = Symlink(path, member.target, uid, gid)
        elif member.kind == "hardlink":
            target = merge_usr(_clean(member.target))
            earlier = found.get(target)
            if isinstance(earlier, Hardlink):
                target = earlier.target
            if not isinstance(found.get(target), File):
                raise Malformed(f"{path} is a hard link to {target}, which does not precede it in the package")
            entry = Hardlink(path, target)
        else:
            if path in linked or not is_left_out(path):
                contents[path] = _content(stream, member)
            entry = File(path, b"", member.mode, uid, gid)
        if path in found:
            raise Malformed(f"duplicate path {path}")
        found[path] = entry
        unmerged[path] = shipped
    _refuse_escapes(found)
    kept = [path for path in sorted(found) if not is_left_out(path)]
    targets = {entry.target for entry in map(found.__getitem__, kept) if isinstance(entry, Hardlink)}
    if not targets <= contents.keys():
        return _entries(archive, data, frozenset(targets))
    return _kept(kept, found, contents), {path: unmerged[path] for path in kept}


def _content(stream: Stream, member: TarMember) -> bytes:
    data = stream.read(member.size)
    if len(data) < member.size:
        raise Malformed("the tar archive is truncated")
    return data


def _refuse_escapes(found: dict[str, Entry]) -> None:
    for path in found:
        parent = path.rpartition("/")[0]
        while parent:
            if not isinstance(found.get(parent, _ROOT), Directory):
                raise Malformed(f"{path} is below {parent}, which is not a directory")
            parent = parent.rpartition("/")[0]


_ROOT = Directory("")


def _kept(paths: list[str], found: dict[str, Entry], contents: dict[str, bytes]) -> tuple[Entry, ...]:
    """The entries at ``paths``, with content; of several names of one file, the first has it, the others are links."""
    entries: list[Entry] = []
    first: dict[str, str] = {}
    for path in paths:
        entry = found[path]
        source = entry.target if isinstance(entry, Hardlink) else path
        if source in contents:
            if source in first:
                entry = Hardlink(path, first[source])
            else:
                first[source] = path
                original = found[source]
                assert isinstance(original, File)
                entry = File(path, contents[source], original.mode, original.uid, original.gid)
        entries.append(entry)
    return tuple(entries)
