"""Wheels of pure Python as every host writes them: neither times nor compression nor tags of the host are in them.

A wheel may name a platform but hold nothing for it: then an optional extension was not compiled.

Source: PyPA binary distribution format ("Wheel-Version 1.0"), platform compatibility tags.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grocker.errors import CorruptError, StorageError
from grocker.regex import regex

_NATIVE = regex(r"\.(?:so(?:\.[\d.]+)?|pyd|dylib|dll|exe|a|o)\Z")
_MAGIC = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe")
_TAG = "py3-none-any"


def write_pure_wheel(wheel: Path, directory: Path) -> Path | None:
    """Write ``wheel`` again into ``directory``, for all platforms; None when it is not for all and holds native code.

    Members are sorted, stored and of 1980. Of their bytes only the tags change, if they name a platform. Raises
    CorruptError for a malformed wheel.
    """
    name, version = wheel.name.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    is_pure = wheel.name.endswith("-none-any.whl")
    path = directory / (wheel.name if is_pure else f"{name}-{version}-{_TAG}.whl")
    members = _read(wheel)
    if is_pure:
        _write(path, members)
        return path
    if any(_NATIVE.search(member) or data.startswith(_MAGIC) for member, (_, data) in members.items()):
        return None
    try:
        about, text = members[f"{info}/WHEEL"]
        record, lines = members[f"{info}/RECORD"]
    except KeyError as error:
        raise CorruptError(
            f"reading {wheel.name}: no member {error}", hint="report this to the authors of the build back end"
        ) from error
    plain = re.sub(rb"(?m)^(Tag|Root-Is-Purelib|Build):.*\r?\n?", b"", text).rstrip(b"\r\n")
    plain += b"\nRoot-Is-Purelib: true\nTag: " + _TAG.encode() + b"\n"
    hashed = base64.urlsafe_b64encode(hashlib.sha256(plain).digest()).rstrip(b"=")
    line = f"{info}/WHEEL,sha256=".encode() + hashed + f",{len(plain)}".encode()
    own = re.escape(f"{info}/WHEEL,".encode()) + rb"[^\r\n]*"
    members[about.filename] = (about, plain)
    members[record.filename] = (record, re.sub(b"(?m)^" + own, lambda _: line, lines))
    _write(path, members)
    return path


def write_compiled_wheel(wheel: Path, directory: Path) -> Path:
    """Write ``wheel`` again into ``directory`` under its own name, as ``write_pure_wheel`` does.

    Raises CorruptError for a malformed wheel.
    """
    path = directory / wheel.name
    _write(path, _read(wheel))
    return path


def _read(wheel: Path) -> dict[str, tuple[zipfile.ZipInfo, bytes]]:
    try:
        with zipfile.ZipFile(wheel) as opened:
            return {one.filename: (one, opened.read(one)) for one in opened.infolist()}
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise CorruptError(
            f"reading {wheel.name}: {error}", hint="report this to the authors of the build back end"
        ) from error


def _write(path: Path, members: Mapping[str, tuple[zipfile.ZipInfo, bytes]]) -> None:
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(members):
                one, data = members[name]
                about = zipfile.ZipInfo(name)
                about.create_system, about.external_attr = 3, one.external_attr
                archive.writestr(about, data)
    except OSError as error:
        raise StorageError(f"writing {path}: {error.strerror}", hint="check the disk under GROCKER_CACHE") from error
