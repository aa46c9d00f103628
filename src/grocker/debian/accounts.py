"""Users and groups: Debian's own, those that packages declare, and the one that the application runs as.

Source: Debian Policy 9.2; passwd(5), group(5), shadow(5), gshadow(5), sysusers.d(5).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import msgspec

from grocker.debian.ownership import GROUPS
from grocker.errors import CorruptError, SettingsError
from grocker.regex import regex
from grocker.tar.entry import Entry, File

_PASSWD, _GROUP = "usr/share/base-passwd/passwd.master", "usr/share/base-passwd/group.master"
_HINT = "the mirror's archive is broken: use another mirror"
_NUMBER = regex(r"[0-9]{1,10}")
_DYNAMIC = range(999, 100, -1)
"""Numbers for declared users and groups without one, from the top down, as systemd-sysusers and adduser do."""


class ImageUser(msgspec.Struct, frozen=True):
    """A user of the image; its group is 0, as for every uid that an engine sets."""

    name: str
    uid: int
    home: str
    shell: str = "/bin/bash"


def entries(contents: Mapping[str, bytes], user: ImageUser) -> list[Entry]:
    """``/etc/passwd``, ``group``, ``shadow`` and ``gshadow``; no account has a password.

    ``contents``: base-passwd's masters and the sysusers.d files of the packages, by path.
    Raises SettingsError when ``user`` collides with one of Debian's, CorruptError when a file is malformed.
    """
    passwd = _rows(contents, _PASSWD, 7)
    group = _rows(contents, _GROUP, 4)
    for row in passwd:
        if row[0] == user.name or int(row[2]) == user.uid:
            raise SettingsError(
                f"the user {user.name} ({user.uid}) collides with Debian's own user {row[0]} ({row[2]})",
                hint="choose another name, or a uid of at least 1000",
            )
    # Before the packages' own, so that none of them takes the application's number.
    passwd.append([user.name, "*", str(user.uid), "0", user.name, user.home, user.shell])
    for path in sorted(path for path in contents if path.startswith("usr/lib/sysusers.d/")):
        _declare(contents[path].decode("utf-8", "replace"), passwd, group)
    shadow = "".join(f"{row[0]}:*::0:99999:7:::\n" for row in passwd)
    gshadow = "".join(f"{row[0]}:*::{row[3]}\n" for row in group)
    return [
        File("etc/passwd", _table(passwd)),
        File("etc/group", _table(group)),
        File("etc/shadow", shadow.encode(), 0o640, 0, GROUPS["shadow"]),
        File("etc/gshadow", gshadow.encode(), 0o640, 0, GROUPS["shadow"]),
        File("etc/subuid", b""),
        File("etc/subgid", b""),
    ]


def _rows(contents: Mapping[str, bytes], path: str, fields: int) -> list[list[str]]:
    """The lines of a file of base-passwd's, each of so many fields, of which the third is a number."""
    text = contents.get(path, b"").decode("utf-8", "replace")
    rows = [line.split(":") for line in text.splitlines() if line]
    if any(len(row) != fields or not _NUMBER.fullmatch(row[2]) for row in rows):
        raise CorruptError(f"/{path} of base-passwd is malformed", hint=_HINT)
    return rows


def _table(rows: list[list[str]]) -> bytes:
    return "".join(":".join((row[0], "x", *row[2:])) + "\n" for row in rows).encode()


def _declare(text: str, passwd: list[list[str]], group: list[list[str]]) -> None:
    """Carry out a sysusers.d file: lines of type u, g and m; others do not affect accounts."""
    for line in text.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        kind, name, number, comment, home, shell = (words + ["-"] * 6)[:6] if words else ("",) * 6
        kind = kind.rstrip("!")
        number, _, wanted_group = number.partition(":")
        if kind in ("u", "g", "m") and any(":" in word for word in (name, wanted_group, comment, home, shell)):
            raise CorruptError(f"a package declares an account with a colon in a field: {line!r}", hint=_HINT)
        if kind == "g":
            _group(name, number, group)
        elif kind == "u" and all(row[0] != name for row in passwd):
            taken = {row[2] for row in passwd} | {row[2] for row in group}
            uid = number if number.isdigit() and number not in taken else _free(taken)
            if wanted_group.isdigit():
                gid = wanted_group
            elif wanted_group not in ("", "-"):
                gid = _group(wanted_group, "-", group)
            else:
                gid = _group(name, uid, group)
            passwd.append(
                [
                    name,
                    "*",
                    uid,
                    gid,
                    "" if comment == "-" else comment,
                    "/" if home == "-" else home,
                    "/usr/sbin/nologin" if shell == "-" else shell,
                ]
            )
        elif kind == "m" and number not in ("", "-"):
            _group(number, "-", group)
            for row in group:
                members = [member for member in row[3].split(",") if member]
                if row[0] == number and name not in members:
                    row[3] = ",".join((*members, name))


def _group(name: str, number: str, group: list[list[str]]) -> str:
    """The gid of the group, which is created when missing."""
    for row in group:
        if row[0] == name:
            return row[2]
    taken = {row[2] for row in group}
    gid = number if number.isdigit() and number not in taken else _free(taken)
    group.append([name, "*", gid, ""])
    return gid


def _free(taken: set[str]) -> str:
    free = next((str(number) for number in _DYNAMIC if str(number) not in taken), None)
    if free is None:
        raise CorruptError(
            f"the packages declare more than {len(_DYNAMIC)} users and groups", hint="build with fewer Debian packages"
        )
    return free
