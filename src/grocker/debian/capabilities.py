"""File capabilities: from the text that getcap prints to the extended attribute that the kernel reads. Pure.

Source: cap_text_formats(7); capabilities(7); linux/capability.h (``struct vfs_cap_data``).
"""

from __future__ import annotations

import os
import struct

from grocker.regex import regex

_NAMES = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"),
    *("linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner"),
    *("sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice"),
    *("sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap"),
    *("mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf"),
    "checkpoint_restore",
)
"""in the order of their numbers"""
_BITS = {f"cap_{name}": 1 << number for number, name in enumerate(_NAMES)}
_ALL = (1 << len(_NAMES)) - 1
_CLAUSE = regex(r"(?P<names>[a-z0-9_,]*)(?P<actions>(?:[=+-][eip]*)+)")
_ACTION = regex(r"([=+-])([eip]*)")
_LINE = regex(r"(?P<path>/.*?) (?P<text>[a-z0-9_,]*[=+-]\S*(?: [a-z0-9_,]*[=+-]\S*)*)")
_REVISION_2, _EFFECTIVE = 0x02000000, 0x000001
_LOW = (1 << 32) - 1


def encode(text: str) -> bytes:
    """Return the value of ``security.capability`` for capabilities as libcap writes them: ``cap_net_raw=ep``.

    Raises ValueError if that is no such text, or names an unknown capability.
    """
    sets = {"e": 0, "i": 0, "p": 0}
    for clause in text.split(" "):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ValueError(f"malformed capabilities {text!r}")
        mask = _mask(match["names"])
        for action, flags in _ACTION.findall(match["actions"]):
            for flag in sets if action == "=" else flags:
                sets[flag] &= ~mask
            for flag in flags if action != "-" else "":
                sets[flag] |= mask
    effective = _EFFECTIVE if sets["e"] else 0  # of a file it is one bit
    low, high = ((sets["p"] >> shift & _LOW, sets["i"] >> shift & _LOW) for shift in (0, 32))
    return struct.pack("<5I", _REVISION_2 | effective, *low, *high)


def _mask(names: str) -> int:
    if names in ("", "all"):
        return _ALL
    mask = 0
    for name in names.split(","):
        if name not in _BITS:
            raise ValueError(f"unknown capability {name!r}")
        mask |= _BITS[name]
    return mask


def read_listing(data: bytes) -> dict[str, bytes]:
    """Read what ``getcap`` prints: by path, without a leading slash, the attribute. Raises ValueError."""
    found = {}
    for line in data.splitlines():
        match = _LINE.fullmatch(os.fsdecode(line))
        if match is None:
            raise ValueError(f"malformed line of getcap {line!r}")
        found[match["path"].lstrip("/")] = encode(match["text"])
    return found
