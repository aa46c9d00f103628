"""Run a command without some system calls: ``python refused_calls.py namespaces|mount_setattr COMMAND...``.

Without namespaces: as in a container of docker's default profile, which refuses the same calls. Without
``mount_setattr``: as with a kernel before Linux 5.12. Source: seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

_ARCHITECTURES = {
    "x86_64": (0xC000003E, {"unshare": 272, "setns": 308, "clone3": 435, "mount": 165, "pivot_root": 155}),
    "aarch64": (0xC00000B7, {"unshare": 97, "setns": 268, "clone3": 435, "mount": 40, "pivot_root": 41}),
}
"""by machine, of seccomp(2): its number, and those of the calls that make namespaces"""
_MOUNT_SETATTR = {"mount_setattr": 442}
_ABSENT = ("clone3", "mount_setattr")
"""calls that fail as if the kernel had no such call; for clone3, the C library falls back to clone(2) for that alone"""
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOWED, _REFUSED, _KILLED = 0x7FFF0000, 0x00050000, 0x80000000


def main() -> None:
    """Refuse, and become the command."""
    architecture, calls = _ARCHITECTURES[os.uname().machine]
    program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILLED), (_LOAD, 0, 0, 0)]
    refused, *command = sys.argv[1:]
    for name, number in (calls if refused == "namespaces" else _MOUNT_SETATTR).items():
        reason = errno.ENOSYS if name in _ABSENT else errno.EPERM
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSED | reason)]
    program.append((_RETURN, 0, 0, _ALLOWED))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filtering = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(filtering)), 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
