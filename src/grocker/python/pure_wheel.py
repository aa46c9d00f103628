"""Wheels that name a platform but hold nothing for it: an optional extension was not compiled.

Source: PyPA binary distribution format ("Wheel-Version 1.0"), platform compatibility tags.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from pathlib import Path

from grocker.errors import CorruptError

_NATIVE = re.compile(r"\.(?:so(?:\.[\d.]+)?|pyd|dylib|dll|exe|a|o)\Z")
_MAGIC = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe")
_TAG = "py3-none-any"


def retag_pure(wheel: Path, directory: Path) -> Path | None:
    """Write ``wheel`` again, for all platforms, into ``directory``; None when it holds native code.

    Members keep their order, times and bytes; only WHEEL and RECORD change. Raises CorruptError for a malformed wheel.
    """
    name, version = wheel.name.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    path = directory / f"{name}-{version}-{_TAG}.whl"
    try:
        with zipfile.ZipFile(wheel) as opened:
            members = {one.filename: (one, opened.read(one)) for one in opened.infolist()}
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise CorruptError(f"reading {wheel.name}: {error}") from error
    if any(_NATIVE.search(member) or data.startswith(_MAGIC) for member, (_, data) in members.items()):
        return None
    try:
        about, text = members[f"{info}/WHEEL"]
        record, lines = members[f"{info}/RECORD"]
    except KeyError as error:
        raise CorruptError(f"reading {wheel.name}: no member {error}") from error
    plain = re.sub(rb"(?m)^(Tag|Root-Is-Purelib|Build):.*\r?\n?", b"", text).rstrip(b"\r\n")
    plain += b"\nRoot-Is-Purelib: true\nTag: " + _TAG.encode() + b"\n"
    hashed = base64.urlsafe_b64encode(hashlib.sha256(plain).digest()).rstrip(b"=")
    line = f"{info}/WHEEL,sha256=".encode() + hashed + f",{len(plain)}".encode()
    own = re.escape(f"{info}/WHEEL,".encode()) + rb"[^\r\n]*"
    members[about.filename] = (about, plain)
    members[record.filename] = (record, re.sub(b"(?m)^" + own, lambda _: line, lines))
    with zipfile.ZipFile(path, "w") as archive:
        for one, data in members.values():
            archive.writestr(one, data, compress_type=one.compress_type)
    return path
