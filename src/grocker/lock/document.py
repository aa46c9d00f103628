"""The lock as a file: TOML, ``version = 1``, sorted, one value per line, so that it diffs well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, astuple

from grocker.decoding import decode_toml
from grocker.digest import Digest
from grocker.digest import parse as parse_digest
from grocker.errors import SettingsError
from grocker.lock.values import (
    VERSION,
    Base,
    BuildRequirement,
    DebianPackage,
    Interpreter,
    Lock,
    PlatformLock,
    PythonFile,
    StandalonePython,
)
from grocker.regex import regex

_HINT = "recreate it: grocker lock"
_PLAIN = regex(r"[\w.+!~:/@=#%;<>(),' \[\]-]*", re.ASCII)
"""text that TOML has as it is"""


# What a lock says becomes paths, addresses and lines of uv's input: the patterns let nothing through that would be more
# than one word there. They end with \Z, because $ would let a line end through.
_Size = Annotated[int, Meta(ge=0, le=1 << 50, description="a size in bytes")]
_Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", description="a word of letters, digits, -, _, .")]
_Version = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!~:-]*\Z", description="a version")]
_Wheel = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl\Z", description="the name of a wheel")]
_Release = Annotated[str, Meta(pattern=r"^3\.[0-9]{1,3}\.[0-9]{1,3}t?\Z", description="a version of CPython")]
_Build = Annotated[str, Meta(pattern=r"^[0-9]{0,20}\Z", description="the date of a release")]
_Archive = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*\.tar\.gz\Z", description="the name of a .tar.gz archive")
]
_PoolPath = Annotated[
    str,
    Meta(
        pattern=r"^(?!(.*/)?\.\.?(/|\Z))[A-Za-z0-9][A-Za-z0-9._+~:%/-]*\.deb\Z",
        description="the path of a .deb below the archive",
    ),
]
_Package = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9+.-]*\Z", description="the name of a Debian package")]
_Marker = Annotated[str, Meta(pattern=r"^[^\r\n\\;#]*\Z", description="a marker")]
_BuildPin = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9._+!~-]*( ; [^\r\n\\;#]+)?\Z",
        description="NAME==VERSION",
    ),
]
_Source = Annotated[
    str,
    Meta(
        pattern=r"^(|git\+(https?|ssh|git|file)://[!-~]+@[0-9a-f]{40,64}(#subdirectory=[^\s#]+)?|archive\+(https?|file)://[!-~]+|path:[^\r\n\0]+)\Z",
        description="git+URL@COMMIT, archive+URL or path:DIRECTORY",
    ),
]
_Hash = Annotated[str, Meta(pattern=r"^[a-z0-9]+:[0-9a-f]+\Z", description="ALGORITHM:HEX")]


# The rows have the fields of DebianPackage and PythonFile in their order, under the names in the file, then the
# platforms, and last what few rows have.
class _DebianRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Package
    version: _Version
    arch: _Word
    suite: _Word
    path: _PoolPath
    size: _Size
    sha256: Digest
    platforms: tuple[str, ...]


class _PythonRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: _Word
    version: _Version
    file: _Wheel
    index: _Word
    size: _Size
    sha256: Digest
    platforms: tuple[str, ...]
    sdist: Digest | None = None
    build: tuple[_BuildPin, ...] = ()
    source: _Source = ""
    libraries: tuple[_Package, ...] = ()

    def value(self) -> PythonFile:
        """The row without its platforms."""
        sdist = self.sdist or ""
        about = (self.name, self.version, self.file, self.index, self.size, self.sha256)
        return PythonFile(*about, sdist, self.build, self.source, self.libraries)

    @classmethod
    def of(cls, file: PythonFile, platforms: tuple[str, ...]) -> _PythonRow:
        """The row of a file."""
        sdist = parse_digest(file.sdist) if file.sdist else None
        about = (file.name, file.version, file.file, file.index, file.size, file.sha256)
        return cls(*about, platforms, sdist, file.build, file.source, file.libraries)


class _StandaloneRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: _Release
    build: _Build
    file: _Archive
    size: _Size
    sha256: Digest
    platforms: tuple[str, ...]


class _BuildRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Word
    version: _Version
    marker: _Marker = ""
    hashes: tuple[_Hash, ...] = ()


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    version: int
    inputs: dict[str, str]
    base: Base
    interpreter: Interpreter
    standalone: tuple[_StandaloneRow, ...] = ()
    debian: tuple[_DebianRow, ...] = ()
    python: tuple[_PythonRow, ...] = ()
    build: tuple[_BuildRow, ...] = ()
    not_reproducible: tuple[Annotated[str, Meta(pattern=r"^[a-z.]+\Z", description="a setting")], ...] = ()


def render(lock: Lock) -> str:
    """``grocker.lock`` as text: the same lock gives the same bytes; it contains no addresses."""
    import tomli_w

    top = {
        "version": VERSION,
        **({"not-reproducible": list(lock.not_reproducible)} if lock.not_reproducible else {}),
        "inputs": {name: lock.inputs[name] for name in sorted(lock.inputs)},
        "base": {"distribution": lock.base.distribution, "suite": lock.base.suite},
        "interpreter": {
            "implementation": lock.interpreter.implementation,
            "source": lock.interpreter.source,
            "version": lock.interpreter.version,
        },
    }
    # One at a time: tomli_w by itself writes short rows as inline tables, and long ones as arrays of tables.
    rows = [f"\n[[{name}]]\n{_plain_row(row) or tomli_w.dumps(row)}" for name, row in _rows(lock)]
    return tomli_w.dumps(top) + "".join(rows)


def _plain_row(row: Mapping[str, Any]) -> str:
    """Write a row as tomli_w does, ten times as fast; empty if something in it needs escapes."""
    lines = []
    for key, value in row.items():
        if type(value) is int:
            lines.append(f"{key} = {value}\n")
            continue
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, (list, tuple)) or not all(_PLAIN.fullmatch(one) for one in texts):
            return ""
        if isinstance(value, str):
            lines.append(f'{key} = "{value}"\n')
        else:
            inner = "".join(f'    "{one}",\n' for one in texts)
            lines.append(f"{key} = [\n{inner}]\n" if texts else f"{key} = []\n")
    return "".join(lines)


def parse(text: str, *, place: str) -> Lock:
    """The lock in ``text``; ``place`` names it in errors. Raises SettingsError for a malformed or unsupported lock."""
    import tomllib

    try:
        table = decode_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{place}: not TOML: {error}", hint=_HINT) from error
    if table.get("version") != VERSION:
        raise SettingsError(
            f"{place}: unsupported lock version {table.get('version')!r}; this Grocker reads version {VERSION}",
            hint=_HINT,
        )
    try:
        document = msgspec.convert(table, _Document)
    except (msgspec.ValidationError, OverflowError) as error:
        raise SettingsError(f"{place}: {error}", hint=_HINT) from error
    rows: tuple[_DebianRow | _PythonRow | _StandaloneRow, ...] = (
        *document.debian,
        *document.python,
        *document.standalone,
    )
    names = sorted({name for row in rows for name in row.platforms})
    platforms = tuple(
        PlatformLock(
            name,
            tuple(DebianPackage(*astuple(row)[:-1]) for row in document.debian if name in row.platforms),
            tuple(row.value() for row in document.python if name in row.platforms),
            next((StandalonePython(*astuple(row)[:-1]) for row in document.standalone if name in row.platforms), None),
        )
        for name in names
    )
    build = tuple(BuildRequirement(*astuple(row)) for row in document.build)
    return Lock(document.inputs, document.base, document.interpreter, platforms, build, document.not_reproducible)


_Row = TypeVar("_Row", DebianPackage, PythonFile, StandalonePython)


def _rows(lock: Lock) -> list[tuple[str, Mapping[str, Any]]]:
    debian = _shared((one.platform, one.debian) for one in lock.platforms)
    python = _shared((one.platform, one.python) for one in lock.platforms)
    standalone = _shared((one.platform, (one.standalone,)) for one in lock.platforms if one.standalone is not None)
    build = [
        {
            "name": r.name,
            "version": r.version,
            **({"marker": r.marker} if r.marker else {}),
            **({"hashes": sorted(r.hashes)} if r.hashes else {}),
        }
        for r in sorted(lock.build)
    ]
    return [
        *(("standalone", asdict(_StandaloneRow(*(*astuple(file), platforms)))) for file, platforms in standalone),
        *(("debian", asdict(_DebianRow(*(*astuple(package), platforms)))) for package, platforms in debian),
        *(("python", msgspec.to_builtins(_PythonRow.of(file, platforms))) for file, platforms in python),
        *(("build", row) for row in build),
    ]


def _shared(rows: Iterable[tuple[str, Iterable[_Row]]]) -> list[tuple[_Row, tuple[str, ...]]]:
    """Each row once, sorted, with the platforms that have it."""
    found: dict[_Row, list[str]] = {}
    for platform, values in rows:
        for value in values:
            found.setdefault(value, []).append(platform)
    return [(value, tuple(sorted(found[value]))) for value in sorted(found)]
