"""What maintainer scripts did to a root, as entries of a layer: a listing before and one after they ran. Pure.

A listing has a record for each path: its attributes and its name, NUL, the text of a link, NUL (``configure.sh``
writes it). Some of what scripts do is not wanted in an image: dpkg's, debconf's and ucf's own records, services enabled
for an init system, logs, backups, and secrets that would be the same in every container.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import msgspec

from grocker.debian.capabilities import read_listing as read_capabilities
from grocker.errors import CorruptError
from grocker.regex import regex
from grocker.tar.entry import Directory, Entry, File, Symlink, parents

_HINT = "this is a bug in Grocker: report it"
_IGNORED = regex(
    r"(?:run|var/log|var/lib/dpkg|var/lib/ucf|var/cache/debconf|var/lib/systemd|var/lib/apt|var/cache/apt"
    r"|var/cache/ldconfig|var/lib/python|etc/rc[0-6S]\.d|root/\.cache)(?:/|\Z)"
    r"|etc/systemd/(?:system|user)/"
    r"|var/lib/(?:postgresql|mysql)/|etc/postgresql/"
    r"|usr/share/(?:man|info|doc|lintian)/"
    r"|(?:.*/)?__pycache__(?:/|\Z)|.*\.pyc\Z"
    r"|etc/(?:ld\.so\.cache|\.pwd\.lock|hosts|hostname|resolv\.conf|mtab|machine-id)\Z"
    r"|etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-\Z"
    r"|var/lib/dbus/machine-id\Z|usr/sbin/policy-rc\.d\Z"
)
"""what an image has no use for, what Grocker itself makes, and databases, which are random"""
_SECRET = regex(rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\r?\n[\w+/=:,. \r\n-]{64}", re.MULTILINE)
"""the MIME database holds the first line alone"""


class Node(msgspec.Struct, frozen=True):
    """A path of a listing."""

    kind: str
    """``f``, ``d``, ``l``; others are devices, sockets and pipes"""
    mode: int
    uid: int
    gid: int
    state: tuple[bytes, ...]
    """what changes with its content: inode, size, times"""
    target: str
    """the text of a link"""
    capability: bytes = b""
    """of a file: the attribute ``security.capability``"""


class Changes(msgspec.Struct, frozen=True):
    """The effect of scripts."""

    entries: tuple[Entry, ...]
    """sorted by path; a file's data is in memory"""
    removed: tuple[str, ...]
    """paths that are gone, without those below one of them"""
    secrets: tuple[str, ...]
    """new files with private keys, which are left out"""


def read_listing(data: bytes, capabilities: bytes = b"") -> dict[str, Node]:
    """Read a listing, by path; ``capabilities``: what getcap printed. Raises CorruptError if it is malformed."""
    *parts, end = data.split(b"\0")
    found = {}
    try:
        capability_of = read_capabilities(capabilities)
        if end:
            raise ValueError("truncated")
        for record, target in zip(parts[::2], parts[1::2], strict=True):
            kind, mode, uid, gid, *state, name = record.split(b"\t", 8)
            path, numbers = os.fsdecode(name).lstrip("/"), (int(mode, 8), int(uid), int(gid))
            attributes = tuple(state), os.fsdecode(target), capability_of.get(path, b"")
            found[path] = Node(kind.decode(), *numbers, *attributes)
    except ValueError as error:
        raise CorruptError(f"reading the changes of maintainer scripts: {error}", hint=_HINT) from error
    return found


def find_changes(before: dict[str, Node], after: dict[str, Node], read: Callable[[str], bytes]) -> Changes:
    """Find what changed; ``read`` returns the content of a file by its path."""
    entries: list[Entry] = []
    secrets = []
    for path in sorted(after):
        node, old = after[path], before.get(path)
        if old == node or _IGNORED.match(path) or path.removesuffix(".pub") in secrets:
            continue
        if node.kind == "d":
            if old is None or (old.kind, old.mode, old.uid, old.gid) != (node.kind, node.mode, node.uid, node.gid):
                entries.append(Directory(path, node.mode, node.uid, node.gid))
        elif node.kind == "l":
            if old is None or (old.kind, old.target) != (node.kind, node.target):
                entries.append(Symlink(path, node.target, node.uid, node.gid))
        elif node.kind == "f":
            data = read(path)
            if old is None and _SECRET.search(data):
                secrets.append(path)
            else:
                entries.append(File(path, data, node.mode, node.uid, node.gid, node.capability))
    gone = {path for path in before.keys() - after.keys() if not _IGNORED.match(path)}
    removed = sorted(path for path in gone if gone.isdisjoint(parents(path)))
    return Changes(tuple(entries), tuple(removed), tuple(secrets))
