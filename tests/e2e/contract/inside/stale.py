"""A file system at PLACE whose server has forgotten it, as NFS after a restart: each question is answered ESTALE.

``stale.py PLACE`` stays in front; for root of a machine with /dev/fuse. While the file PLACE.fresh exists, the
directory can be looked at, and is empty. Source: Linux, include/uapi/linux/fuse.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

_LOOKUP, _FORGET, _GETATTR, _INIT, _OPENDIR, _READDIR, _RELEASEDIR = 1, 2, 3, 26, 27, 28, 29
_INTERRUPT, _BATCH_FORGET, _READDIRPLUS = 36, 42, 44
_IN = struct.Struct("<IIQQIIII")  # fuse_in_header
_OUT = struct.Struct("<IiQ")  # fuse_out_header
_INIT_IN = struct.Struct("<IIII")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")  # fuse_attr


def main(place: str) -> None:
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40777,user_id=0,group_id=0,allow_other".encode()
    library = ctypes.CDLL(None, use_errno=True)
    if library.mount(b"stale", place.encode(), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    print("mounted", flush=True)
    while True:
        try:
            request = os.read(device, 1 << 20)
        except OSError as failure:
            if failure.errno == errno.ENODEV:  # unmounted
                return
            continue
        _, code, unique, node, *_ = _IN.unpack_from(request)
        if code in (_FORGET, _BATCH_FORGET, _INTERRUPT):
            continue
        answer, error = b"", 0
        if code == _INIT:
            major, _, ahead, _ = _INIT_IN.unpack_from(request, _IN.size)
            answer = struct.pack("<IIIIHHI", major, 31, ahead, 0, 16, 16, 1 << 16).ljust(64, b"\0")
        elif not os.path.exists(f"{place}.fresh"):
            error = errno.ESTALE
        elif code == _GETATTR:
            answer = bytes(16) + _ATTR.pack(node, *(0,) * 8, 0o40777, 2, 0, 0, 0, 4096, 0)
        elif code == _OPENDIR:
            answer = bytes(16)
        elif code not in (_READDIR, _READDIRPLUS, _RELEASEDIR):
            error = errno.ENOENT if code == _LOOKUP else errno.ENOSYS
        os.write(device, _OUT.pack(_OUT.size + len(answer), -error, unique) + answer)


if __name__ == "__main__":
    main(sys.argv[1])
