"""Finds, orders and reads INI files, exactly as the getconf library does. Contract: C1, C3, C4, C5.

A failure names the file, the line and the reason, never the line's content, which may be a secret (X3).
"""

from __future__ import annotations

import codecs
import io
import os
import stat

from ..base.failure import CONFIGURATION, Failure, reason, warn
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import ContainerLayout

if TYPE_CHECKING:
    import configparser
    from collections.abc import Iterable

LARGEST = 16 << 20  # bytes; larger is a mistake, and would stay in the supervisor's memory
_NAME_MAX = 255  # bytes of a file name, on every file system
_DIGITS = frozenset("0123456789")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class IniFile(Value):
    """A configuration file: its name, its path, and whether it is the operator's (else the image's)."""

    name: str
    path: str
    operator: bool


class IniNames(Value):
    """The names in the operator's directory: configuration, and what to warn about."""

    counted: tuple[str, ...]
    unnumbered: tuple[str, ...]
    ignored: tuple[str, ...]


def sort_names(names: Iterable[str]) -> IniNames:
    """Sort out which names are configuration (C1).

    ``*.ini`` is; other names get a warning, except those of Kubernetes' directories and of editors' lock files.
    """
    seen = sorted(name for name in names if not name.startswith(("..", ".#")))
    # Like *.ini in a shell and in getconf, which does not match a leading dot.
    counted = [name for name in seen if name.endswith(".ini") and not name.startswith(".")]
    return IniNames(
        counted=tuple(counted),
        unnumbered=tuple(name for name in counted if priority(name) is None),
        ignored=tuple(name for name in seen if name not in set(counted)),
    )


def priority(name: str) -> int | None:
    """Return the number that a name starts with, ``^[0-9]+[_-]``, or None."""
    digits = len(name) - len(name.lstrip("0123456789"))
    if not digits or not _DIGITS.issuperset(name[:digits]) or name[digits : digits + 1] not in ("_", "-"):
        return None
    return int(name[:digits])


def sort_files(files: Iterable[IniFile]) -> list[IniFile]:
    """Sort files, the weakest first: by number, the image's before the operator's, by name; unnumbered last (C3)."""
    return sorted(files, key=_key)


def _key(file: IniFile) -> tuple[int, int, int, str]:
    number = priority(file.name)
    if number is None:
        return (1, 0, int(file.operator), file.name)
    return (0, number, int(file.operator), file.name)


def prepared_name(place: int, name: str) -> str:
    """Return the name of the copy at ``place`` (from 0); getconf sorts these names as strings."""
    prefix = f"{place:06d}_"
    tail = name
    while len(encode_name(prefix + tail)) > _NAME_MAX:
        tail = tail[1:]
    return prefix + tail


def encode_name(name: str) -> bytes:
    """Return a file's name as bytes; names that are not UTF-8 hold surrogates (PEP 383)."""
    return name.encode("utf-8", "surrogateescape")


def find_files(layout: ContainerLayout) -> list[IniFile]:
    """Return the configuration files, the weakest first; warn once about other names, once about unnumbered ones.

    Raises Failure (78) when the operator's directory exists and cannot be listed.
    """
    directory = f"{layout.config}/app"
    names = sort_names(_listed(directory))
    if names.ignored:
        warn(f"{directory}: ignoring files that are not *.ini: {', '.join(names.ignored)}")
    if names.unnumbered:
        warn(f"{directory}: files without a priority (as in 90_NAME.ini) are read last: {', '.join(names.unnumbered)}")
    files = [IniFile(name=name, path=f"{directory}/{name}", operator=True) for name in names.counted]
    base = layout.base_settings
    files.append(IniFile(name=base.rpartition("/")[2], path=base, operator=False))
    return sort_files(files)


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        if os.path.islink(directory):
            raise Failure(CONFIGURATION, f"{directory}: a dangling link; mount its target too") from None
        return []
    except NotADirectoryError:
        raise Failure(
            CONFIGURATION, f"{directory}: not a directory; put the *.ini files into a directory of this name"
        ) from None
    except OSError as error:
        raise Failure(
            CONFIGURATION,
            f"{directory}: cannot be listed by uid {os.getuid()}: {reason(error)}; run chmod -R go+rX on it",
        ) from None


def read_file(path: str) -> str:
    """Return the text of a file, without byte order mark. Raises Failure (78)."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise Failure(CONFIGURATION, f"{path}: a directory, not a file")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            raise Failure(CONFIGURATION, f"{path}: not a regular file")
        if status.st_size > LARGEST:
            raise Failure(
                CONFIGURATION, f"{path}: too large for a configuration file: {status.st_size} bytes, at most {LARGEST}"
            )
        with open(path, "rb") as file:
            data = file.read(LARGEST)
    except FileNotFoundError:
        why = "a dangling link" if os.path.islink(path) else "removed while it was read"
        raise Failure(CONFIGURATION, f"{path}: {why}") from None
    except PermissionError:
        raise Failure(CONFIGURATION, f"{path}: not readable for uid {os.getuid()}; run chmod go+r on it") from None
    except OSError as error:
        raise Failure(CONFIGURATION, f"{path}: cannot be read: {reason(error)}") from None
    return _decoded(data, path)


def _decoded(data: bytes, path: str) -> str:
    if data.startswith(_WIDE):
        raise Failure(CONFIGURATION, f"{path}:1: encoded as UTF-16; save the file as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Failure(
            CONFIGURATION, f"{path}:{line}: not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Failure(CONFIGURATION, f"{path}:{line}: a NUL byte")
    return text.removeprefix("\ufeff")


def new_parser(mapping: type[dict[str, str]] = dict) -> configparser.ConfigParser:
    """Return a parser like getconf's: strict within a file, without interpolation. ``mapping``: stores the keys."""
    import configparser

    return configparser.ConfigParser(interpolation=None, dict_type=mapping)


def parse_text(parser: configparser.ConfigParser, text: str, path: str) -> None:
    """Add a file to ``parser``, overriding earlier ones. Raises Failure (78); do not use the parser afterwards."""
    import configparser

    try:
        # Line ends as in text mode: LF, CRLF and CR, nothing else.
        parser.read_file(io.StringIO(text, newline=None), path)
    except configparser.MissingSectionHeaderError as error:
        raise Failure(CONFIGURATION, f"{path}:{error.lineno}: expected a [section] first") from None
    except configparser.DuplicateSectionError as error:
        raise Failure(CONFIGURATION, f"{path}:{error.lineno}: duplicate section [{error.section}]") from None
    except configparser.DuplicateOptionError as error:
        raise Failure(
            CONFIGURATION, f"{path}:{error.lineno}: duplicate key {error.option} in [{error.section}]"
        ) from None
    except configparser.ParsingError as error:
        line = error.errors[0][0]
        raise Failure(CONFIGURATION, f"{path}:{line}: expected [section] or KEY = VALUE") from None
