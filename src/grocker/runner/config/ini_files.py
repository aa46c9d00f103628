"""Finding and reading INI files, exactly as the getconf library will. Contract: C1, C4, C5.

A failure names the file, the line and the reason, never what stands in the line: it may be a secret (X3).
"""

from __future__ import annotations

import codecs
import io
import os
import stat

from ..base.failure import CONFIGURATION, Failure, reason, warn
from ..base.value import TYPE_CHECKING
from ..contract.paths import Places
from .ini_order import IniFile, in_order, sort_out

if TYPE_CHECKING:
    import configparser

LARGEST = 16 << 20  # bytes; a mistake rather than configuration, and it would stay in the supervisor's memory
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def find(places: Places) -> list[IniFile]:
    """The files that count, the weakest first; one warning for names that do not, one for names without a number.

    Raises Failure (78) when the operator's directory is there and cannot be listed.
    """
    directory = f"{places.config}/app"
    names = sort_out(_listed(directory))
    if names.ignored:
        warn(f"{directory}: not configuration, only *.ini is: {', '.join(names.ignored)}")
    if names.unnumbered:
        warn(
            f"{directory}: without a priority in front (90_NAME.ini) and therefore read last: "
            f"{', '.join(names.unnumbered)}"
        )
    files = [IniFile(name=name, path=f"{directory}/{name}", operator=True) for name in names.counted]
    base = places.base_settings
    files.append(IniFile(name=base.rpartition("/")[2], path=base, operator=False))
    return in_order(files)


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        if os.path.islink(directory):
            raise Failure(CONFIGURATION, f"{directory}: a link to nothing: mount what it points to as well") from None
        return []
    except NotADirectoryError:
        raise Failure(CONFIGURATION, f"{directory}: not a directory: it holds the *.ini files") from None
    except OSError as error:
        raise Failure(
            CONFIGURATION, f"{directory}: cannot be listed by uid {os.getuid()}: {reason(error)}: chmod -R go+rX it"
        ) from None


def read(path: str) -> str:
    """The text of a file, without byte order mark. Raises Failure (78)."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise Failure(CONFIGURATION, f"{path}: a directory, not a file")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            raise Failure(CONFIGURATION, f"{path}: not a regular file")
        if status.st_size > LARGEST:
            raise Failure(CONFIGURATION, f"{path}: {status.st_size} bytes, more than {LARGEST}: not configuration")
        with open(path, "rb") as file:
            data = file.read(LARGEST)
    except FileNotFoundError:
        why = "a link to nothing" if os.path.islink(path) else "gone while it was read"
        raise Failure(CONFIGURATION, f"{path}: {why}") from None
    except PermissionError:
        raise Failure(CONFIGURATION, f"{path}: not readable for uid {os.getuid()}: chmod go+r it") from None
    except OSError as error:
        raise Failure(CONFIGURATION, f"{path}: cannot be read: {reason(error)}") from None
    return _decoded(data, path)


def _decoded(data: bytes, path: str) -> str:
    if data.startswith(_WIDE):
        raise Failure(CONFIGURATION, f"{path}:1: UTF-16, not UTF-8: save it as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Failure(
            CONFIGURATION, f"{path}:{line}: not UTF-8 (byte 0x{data[error.start]:02x}): save it as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Failure(CONFIGURATION, f"{path}:{line}: a NUL byte")
    return text.removeprefix("\ufeff")


def new_parser(mapping: type[dict[str, str]] = dict) -> configparser.ConfigParser:
    """A parser as getconf's: strict within a file, without interpolation. ``mapping``: what it keeps keys in."""
    import configparser

    return configparser.ConfigParser(interpolation=None, dict_type=mapping)


def parse(parser: configparser.ConfigParser, text: str, path: str) -> None:
    """Adds a file to ``parser``, over what is there. Raises Failure (78); the parser is spoilt then."""
    import configparser

    try:
        # Lines end as in text mode: CRLF and CR too, nothing else.
        parser.read_file(io.StringIO(text, newline=None), path)
    except configparser.MissingSectionHeaderError as error:
        raise Failure(CONFIGURATION, f"{path}:{error.lineno}: before the first [section]") from None
    except configparser.DuplicateSectionError as error:
        raise Failure(CONFIGURATION, f"{path}:{error.lineno}: [{error.section}] a second time") from None
    except configparser.DuplicateOptionError as error:
        raise Failure(
            CONFIGURATION, f"{path}:{error.lineno}: {error.option} a second time in [{error.section}]"
        ) from None
    except configparser.ParsingError as error:
        line = error.errors[0][0]
        raise Failure(CONFIGURATION, f"{path}:{line}: neither a [section] nor KEY = VALUE") from None
