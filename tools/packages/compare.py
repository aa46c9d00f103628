"""Two roots as data, and how they differ."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

IGNORED = re.compile(
    r"(?:dev|proc|sys|run|tmp|boot|home|opt|config|media|scripts|mnt|srv|root)(?:/|\Z)"
    r"|var/(?:log|tmp|cache/debconf|cache/apt|cache/ldconfig|lib/dpkg|lib/apt|lib/ucf|lib/systemd|lib/python)(?:/|\Z)"
    r"|var/cache/man(?:/|\Z)|usr/share/(?:man|info|doc|doc-base|lintian|linda|bug|menu|reportbug|locale|groff)(?:/|\Z)"
    r"|etc/(?:rc[0-6S]\.d|systemd|runit|apt)(?:/|\Z)|var/lib/shells\.state\Z|var/lib/(?:mysql|postgresql)/.|etc/postgresql/\d"
    r"|etc/(?:ld\.so\.cache|\.pwd\.lock|hosts|hostname|resolv\.conf|mtab|machine-id|subuid|subgid)\Z"
    r"|etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-?\Z"
    r"|usr/sbin/policy-rc\.d\Z|(?:.*/)?__pycache__(?:/|\Z)|.*\.pyc\Z"
    r"|.*/ssh_host_[^/]*\Z|var/lib/dbus/machine-id\Z|etc/alternatives/[^/]*\.?[1-8]\.gz\Z|usr/local/bin/(?:with-|grocker)"
)
"""by design: documentation, records of tools, what the container's runtime provides, Grocker's own"""

_DATED = re.compile(r"var/cache/fontconfig/|etc/ssl/certs/java/cacerts\Z")
"""files that hold the time at which they were made"""

_WRITTEN = {
    "libpam-modules": frozenset({"etc/security/opasswd"}),
    "libpam-runtime": frozenset(
        f"etc/pam.d/common-{name}" for name in ("account", "auth", "password", "session", "session-noninteractive")
    ),
}
_ACCOUNT = re.compile(
    r"user \S+: \d+:\d+:(?P<mine>.*), not \d+:\d+:(?P<theirs>.*)|group \S+: \d+:(?P<members>.*), not \d+:(?P=members)"
)


@dataclass(frozen=True)
class Node:
    """A path."""

    kind: str
    mode: int
    owner: str
    group: str
    content: str
    """the text of a link, the hash of a file"""
    capability: str = ""
    """of a file, in hexadecimal digits"""


@dataclass(frozen=True)
class Root:
    """What is compared of a root."""

    nodes: Mapping[str, Node]
    users: Mapping[str, str]
    """by name: uid, gid, home and shell"""
    groups: Mapping[str, str]
    """by name: gid and members"""
    packages: frozenset[str]


def read_root(place: Path) -> Root:
    """Read a root whole."""
    users = _table(place / "etc/passwd")
    groups = _table(place / "etc/group")
    owners = {int(row[2]): row[0] for row in users}
    names = {int(row[2]): row[0] for row in groups}
    nodes = {}
    left = [""]
    while left:
        below = left.pop()
        for entry in os.scandir(place / below):
            path = f"{below}/{entry.name}".lstrip("/")
            if IGNORED.match(path):
                continue
            found = entry.stat(follow_symlinks=False)
            kind = stat.filemode(found.st_mode)[0]
            content = ""
            if kind == "l":
                content = os.readlink(entry.path)
            elif kind == "-":
                content = hashlib.sha256(Path(entry.path).read_bytes()).hexdigest()
            elif kind == "d":
                left.append(path)
            owner = owners.get(found.st_uid, str(found.st_uid))
            mode = 0 if kind == "l" else stat.S_IMODE(found.st_mode)
            group = names.get(found.st_gid, str(found.st_gid))
            nodes[path] = Node(kind, mode, owner, group, content, _capability(entry.path) if kind == "-" else "")
    return Root(
        nodes,
        {row[0]: ":".join((*row[2:4], *row[5:])) for row in users if row[0] != "blue"},
        {row[0]: ":".join(row[2:]) for row in groups},
        frozenset(re.findall(r"^Package: (\S+)$", (place / "var/lib/dpkg/status").read_text(), re.MULTILINE)),
    )


def owned(place: Path, packages: Iterable[str]) -> frozenset[str]:
    """Return the paths that packages of a root ship, or that their scripts write."""
    found: set[str] = set()
    for name in packages:
        found |= _WRITTEN.get(name, frozenset())
        for listed in (place / "var/lib/dpkg/info").glob(f"{name}*.list"):
            if listed.name in (f"{name}.list",) or listed.name.startswith(f"{name}:"):
                found |= {_merged(line.lstrip("/")) for line in listed.read_text().splitlines()}
    return frozenset(found)


def differences(composed: Root, apt: Root, by_design: frozenset[str]) -> list[str]:
    """Say how a composed root differs from apt's. ``by_design``: paths of packages that the image is without."""
    found = []
    for path in sorted(composed.nodes.keys() | apt.nodes.keys()):
        one, other = composed.nodes.get(path), apt.nodes.get(path)
        if one == other or (one is None and path in by_design):
            continue
        if one is None:
            if not any(parent in by_design and parent not in composed.nodes for parent in _parents(path)):
                found.append(f"lacks /{path}")
        elif other is None:
            found.append(f"has /{path}")
        elif (one.kind, one.content) != (other.kind, other.content):
            if not _DATED.match(path):
                found.append(f"content /{path}")
        else:
            mine, theirs = (_attributes(node) for node in (one, other))
            found.append(f"{mine}, not {theirs} /{path}")
    found += _accounts("user", composed.users, apt.users)
    found += _accounts("group", composed.groups, apt.groups)
    found += [f"has package {name}" for name in sorted(composed.packages - apt.packages)]
    return found


def _accounts(kind: str, mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    lacks = [f"lacks {kind} {name}" for name in sorted(theirs.keys() - mine.keys())]
    has = [f"has {kind} {name}" for name in sorted(mine.keys() - theirs.keys())]
    both = sorted(mine.keys() & theirs.keys())
    differ = [f"{kind} {name}: {mine[name]}, not {theirs[name]}" for name in both if mine[name] != theirs[name]]
    return [*lacks, *has, *differ]


def is_number(difference: str) -> bool:
    """Tell whether a difference is in the numbers of an account alone, which depend on the order of installation."""
    found = _ACCOUNT.fullmatch(difference)
    return found is not None and found["mine"] == found["theirs"]


def shorten(found: list[str]) -> str:
    """Name differences by directory, with their numbers."""
    counted = Counter(re.sub(r"( /(?:[^/]+/){0,3})[^/].*", r"\1…", one) for one in found)
    return "; ".join(f"{what} ({number})" for what, number in counted.most_common(8))


def _attributes(node: Node) -> str:
    capable = f" with capabilities {node.capability}" if node.capability else ""
    return f"{node.mode:o} {node.owner}:{node.group}{capable}"


def _capability(path: str) -> str:
    try:
        return os.getxattr(path, "security.capability", follow_symlinks=False).hex()
    except OSError:
        return ""


def _table(path: Path) -> list[list[str]]:
    return [line.split(":") for line in path.read_text().splitlines()]


def _merged(path: str) -> str:
    return f"usr/{path}" if path.partition("/")[0] in ("bin", "lib", "lib64", "sbin") else path


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]
