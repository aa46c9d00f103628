"""Parsers of what indexes send: wheels, sdists, metadata."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Iterator

from grocker.errors import CorruptError, MissingError, SettingsError
from grocker.platforms.interpreters import STANDALONE
from grocker.python import metadata, record
from grocker.python.installed_wheel import Wheel
from grocker.python.message_catalog import CatalogError, compile_catalog
from grocker.python.module_imports import all_imports, line_imports, parse, strings, unconditional_imports
from grocker.python.requirements import active_requirements
from grocker.python.sdist_archive import unpack_sdist
from grocker.python.service_entry_points import declared_services
from grocker.python.standalone import read_archive
from grocker.python.target import InstallScheme, WheelTarget
from grocker.python.wheel import read_metadata, read_wheel
from grocker.tar.entry import File, path_problem
from tests.fuzz.target import Target, empty_directory, join, parts, scratch, with_checksums, write
from tests.support.wheels import make_wheel

IMAGE = WheelTarget("3.13", "amd64", (2, 41), "3.13.5")
_SCHEME = InstallScheme("3.13")
_NAME = "demo-1.0-py3-none-any.whl"
_INFO = "demo-1.0.dist-info"
_METADATA = """\
Metadata-Version: 2.1
Name: demo
Version: 1.0
Requires-Python: >=3.9,<4
Requires-Dist: django (>=4.2) ; python_version >= "3.8"
Requires-Dist: demo[extra]; extra == 'all'
Provides-Extra: all
Project-URL: Home, https://example.com
License: MIT

About it.
"""
_POINTS = "[console_scripts]\nhello = demo.cli:main [x]\n[grocker.services]\nwww = demo:www\n[other]\na = b:c.d\n"
_MODULE = 'www = {"wsgi": "demo.wsgi:application", "env": {"A": "b"}}\n\ndef worker():\n    return {"command": ["a"]}\n'
_RECORD = f"demo/__init__.py,sha256={'A' * 43},12\n{_INFO}/RECORD,,\n" + '"a,b",sha512=x,1\n'


def _entries(wheel: Wheel) -> None:
    paths = [entry.path for entry in wheel.entries]
    assert paths == sorted(set(paths))
    for path in paths:
        assert path_problem(path) in (None, "is a whiteout, which would delete files of lower layers"), path
        assert path.startswith(_SCHEME.prefix) or _SCHEME.prefix.startswith(f"{path}/"), path
    for entry in wheel.entries:
        if isinstance(entry, File) and not isinstance(entry.data, bytes):
            assert sum(map(len, entry.data.chunks())) == entry.data.size


_CATALOG = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"

#, python-format
msgctxt "files"
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] "%d "
"Dateien"
"""


def _read_wheel(data: bytes) -> None:
    path = write(_NAME, data)
    read_metadata(path)
    wheel = read_wheel(path, _SCHEME, IMAGE)
    _entries(wheel)
    declared_services(wheel)


def _read_wheel_files(data: bytes) -> None:
    """A wheel whose archive is sound and whose files are anything."""
    described, about, points, listed, module, name = parts(data, 6)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member, text in (
            (f"{_INFO}/METADATA", described),
            (f"{_INFO}/WHEEL", about),
            (f"{_INFO}/entry_points.txt", points),
            (f"{_INFO}/RECORD", listed),
            ("demo/__init__.py", module),
            (name.decode("utf-8", "replace") or "x", b"x"),
        ):
            archive.writestr(zipfile.ZipInfo(member), text)
    _read_wheel(packed.getvalue())


def _wheels() -> Iterator[bytes]:
    place = scratch() / "seeds"
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        files = {"demo/__init__.py": _MODULE, "demo-1.0.data/scripts/x": "#!python\n", "demo/a.txt": "x" * 300}
        path = make_wheel(
            place, files=files, metadata=_METADATA.partition("1.0\n")[2], entry_points=_POINTS, compression=compression
        )
        yield path.read_bytes()


def _wheel_files() -> list[bytes]:
    about = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return [join(_METADATA, about, _POINTS, _RECORD, _MODULE, "demo-1.0.data/data/etc/x")]


def _unpack_sdist(data: bytes, file: str) -> None:
    place = empty_directory("sdist")
    try:
        unpack_sdist(write(file, data), place / "tree", file=file)
    finally:
        assert set(os.listdir(place)) <= {"tree"}


def _unpack_tar(data: bytes) -> None:
    _unpack_sdist(gzip.compress(with_checksums(data), 0), "demo-1.0.tar.gz")


def _tars() -> list[bytes]:
    found = []
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
            for name, kind, target in (
                ("demo-1.0/pyproject.toml", tarfile.REGTYPE, ""),
                ("demo-1.0/a/" + "long" * 40, tarfile.REGTYPE, ""),
                ("demo-1.0/a/link", tarfile.SYMTYPE, "../pyproject.toml"),
                ("demo-1.0/hard", tarfile.LNKTYPE, "demo-1.0/pyproject.toml"),
                ("demo-1.0/é", tarfile.DIRTYPE, ""),
            ):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, target
                info.size = 5 if kind == tarfile.REGTYPE else 0
                archive.addfile(info, io.BytesIO(b"x = 1"))
        found.append(packed.getvalue())
    return found


def _zips() -> list[bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo-1.0/setup.py", "x" * 100)
        archive.writestr("demo-1.0/é/", "")
    return [packed.getvalue(), *list(_wheels())[:2]]


def _read_metadata(data: bytes) -> None:
    found = metadata.parse(data, "METADATA of demo")
    metadata.check_python(found, IMAGE)
    for text in active_requirements(metadata.normalise_name(found.name), found.requires, found.extras, IMAGE):
        assert "\n" not in text


def _read_points(data: bytes) -> None:
    metadata.parse_entry_points(data, "entry_points.txt of demo")


def _read_some_points(data: bytes) -> None:
    metadata.parse_entry_points(data, "entry_points.txt of demo", frozenset({"console_scripts"}))


def _read_record(data: bytes) -> None:
    found = record.parse(data, "demo", lambda _: None)
    # As wheel_archive lets them through; the hashes of what Grocker writes are its own.
    paths = sorted({path for path in found if not {"\r", "\n", "\\"} & {*path} and not path.startswith("./")} - {"own"})
    again = record.parse(record.write([(path, "sha256=x", 1) for path in paths], "own"), "demo", lambda _: None)
    assert dict(again) == {**dict.fromkeys(paths, record.Hash("sha256", "x")), "own": None}


_ZIP_WORDS = (
    b"PK\1\2",
    b"PK\3\4",
    b"PK\5\6",
    b"PK\6\6",
    b"PK\6\7",
    b"\x0e\0",
    b"\x0c\0",
    b"\x08\0",
    b"\x01\0",
    b".dist-info/",
)
_FIELDS = (
    b"\nRequires-Dist: ",
    b"\nVersion: ",
    b"\nRequires-Python: ",
    b" ; ",
    b"extra == ",
    b"~=",
    b"===",
    b" @ ",
    b"\n ",
)


def _read_standalone(data: bytes) -> None:
    packed = gzip.compress(with_checksums(data), 0)
    file = "cpython-3.12.16.tar.gz"
    path = write(file, packed)
    for development in (False, True):
        entries = read_archive(path, "3.12", file=file, architecture="amd64", development=development)
        for entry in entries:
            assert entry.path.startswith((f"{STANDALONE.prefix}/", "usr/lib/x86_64-linux-gnu/libpython")), entry.path
            assert path_problem(entry.path) is None, entry.path


def _standalone_tars() -> list[bytes]:
    found = []
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
            for name, text in (
                ("python/bin/python3.12", b"\x7fELF"),
                ("python/lib/python3.12/os.py", b"x = 1\n"),
                ("python/lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py", b"v = {'CC': 'clang /install'}\n"),
                (f"python/lib/python3.12/{'x' * 120}.py", b""),
            ):
                info = tarfile.TarInfo(name)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text))
            for name, kind, target in (
                ("python/bin/python3", tarfile.SYMTYPE, "python3.12"),
                ("python/lib/python3.12/copy.py", tarfile.LNKTYPE, "python/lib/python3.12/os.py"),
            ):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, target
                archive.addfile(info)
        found.append(packed.getvalue())
    return found


def _read_imports(data: bytes) -> None:
    list(line_imports(data, "shop.web"))
    module = parse(data)
    if module is not None:
        unconditional_imports(module)
        all_imports(module, "shop.web")
        strings(module)


TARGETS = (
    Target(
        "standalone",
        _read_standalone,
        (CorruptError,),
        _standalone_tars,
        (b"ustar\0", b"python/", b"../", b"bin/", b"5 a=\n"),
        500,
    ),
    Target("wheel", _read_wheel, (CorruptError, MissingError, SettingsError), lambda: [*_wheels()], _ZIP_WORDS, 2_750),
    Target(
        "wheel-files",
        _read_wheel_files,
        (CorruptError, MissingError, SettingsError),
        _wheel_files,
        (*_FIELDS, b"sha256=", b",,\n", b".data/", b"headers/", b"\nwww = ", b"return ", b"{**", b"['"),
        650,
    ),
    Target("sdist", _unpack_tar, (CorruptError,), _tars, (b"ustar\0", b"ustar  \0", b"../", b"5 a=\n"), 950),
    Target(
        "sdist-zip",
        lambda data: _unpack_sdist(data, "demo-1.0.zip"),
        (CorruptError,),
        _zips,
        _ZIP_WORDS,
        3_000,
    ),
    Target("metadata", _read_metadata, (CorruptError, SettingsError), lambda: [_METADATA.encode()], _FIELDS, 2_250),
    Target("entry-points", _read_points, (CorruptError,), lambda: [_POINTS.encode()], (b"\n[", b"]\n", b" = "), 4_250),
    Target(
        "entry-points-of-some-groups",
        _read_some_points,
        (CorruptError,),
        lambda: [_POINTS.encode(), b"[a]\nb\n c\n"],
        (b"\n[", b"]\n", b" = ", b"\n "),
        5_000,
    ),
    Target(
        "message-catalog",
        compile_catalog,
        (CatalogError,),
        lambda: [_CATALOG.encode()],
        (b'\nmsgid "', b'\nmsgstr[1] "', b"charset=", b"utf-16", b"\\x", b"#, fuzzy\n", b"msgctxt "),
        1_000,
    ),
    Target(
        "module-imports",
        _read_imports,
        (),
        lambda: [
            b"import a.b, c\nfrom . import (  # d\n    e,\n)\ntry:\n    import f\nexcept ImportError:\n    run('g:h')\n"
        ],
        (
            b"import ",
            b"from ..",
            b"(",
            b"\\\n",
            b"if sys.version_info:\n    ",
            b"except (",
            b"-" * 200,
            b"coding: utf-7",
        ),
        1_250,
    ),
    Target("record", _read_record, (CorruptError,), lambda: [_RECORD.encode()], (b",", b'"', b"sha256=", b"\r"), 9_500),
)
