"""Gives the running user a name and the image's home, also in its passwd entry, which ssh reads. Contract: U1, E7.

A uid without a passwd entry, or with an entry that has another home (engines add such entries), gets one through
Debian's libnss-wrapper, in child processes only. Sources: nss_wrapper(1), passwd(5).
"""

from __future__ import annotations

import os
import pwd
import sys

from ..base.failure import warn
from ..base.scratch import write
from ..base.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contract.spec import ContainerUser

LIBRARY = "libnss_wrapper.so"


class Account(Value):
    """The running user: its name, and the variables that child processes need to find it."""

    name: str
    variables: Mapping[str, str] = {}


def prepare_account(
    user: ContainerUser, uid: int, gid: int, scratch: str, preload: str, *, installed: bool | None = None
) -> Account:
    """Return the account for ``uid``; write ``passwd`` and ``group`` into ``scratch`` if the image's do not fit.

    ``preload``: LD_PRELOAD as given; ``installed``: whether the library is in the image, None to look for it. Raises
    Failure (73).
    """
    entry = _entry(uid)
    # Files that root creates belong to root, whatever its name: keep that name.
    name = entry.pw_name if entry is not None and uid == 0 else user.name
    if entry is not None and entry.pw_dir == user.home:
        return Account(name=name)
    if not (_is_installed() if installed is None else installed):
        warn(f"uid {uid} has no user name: libnss-wrapper is not in the image")
        return Account(name=name)
    passwd, group = f"{scratch}/passwd", f"{scratch}/group"
    write(passwd, _passwd(_lines("/etc/passwd"), name, uid, gid, user.home))
    write(group, _group(_lines("/etc/group"), name, gid))
    return Account(
        name=name,
        variables={
            "LD_PRELOAD": ":".join(word for word in (LIBRARY, preload) if word),
            "NSS_WRAPPER_PASSWD": passwd,
            "NSS_WRAPPER_GROUP": group,
        },
    )


def host_uid(uid: int, uid_map: str = "/proc/self/uid_map") -> int:
    """Return the uid that ``uid`` is on the host, which differs under a rootless engine (user_namespaces(7))."""
    try:
        with open(uid_map) as file:
            for line in file:
                inside, outside, length = map(int, line.split())
                if inside <= uid < inside + length:
                    return outside + uid - inside
    except (OSError, ValueError):
        pass
    return uid


def _entry(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _is_installed() -> bool:
    triplet = getattr(sys.implementation, "_multiarch", "")
    return any(os.path.exists(f"{place}/{LIBRARY}") for place in (f"/usr/lib/{triplet}", "/usr/lib", "/usr/lib64"))


def _lines(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _passwd(lines: list[bytes], name: str, uid: int, gid: int, home: str) -> bytes:
    """Our entry comes first, so that it is found by uid and by name."""
    ours = os.fsencode(f"{name}:x:{uid}:{gid}:{name}:{home}:/bin/bash")
    others = [line for line in lines if line.split(b":")[2:3] != [str(uid).encode()]]
    return b"\n".join([ours, *others, b""])


def _group(lines: list[bytes], name: str, gid: int) -> bytes:
    number = str(gid).encode()
    if not any(line.split(b":")[2:3] == [number] for line in lines):
        lines = [*lines, os.fsencode(f"{name}:x:{gid}:")]
    return b"\n".join([*lines, b""])
