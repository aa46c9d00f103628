"""Standalone interpreters: what uv knows of them, their archives, and an archive's files as entries.

Sources: uv's reference ("uv python list", "uv python install", UV_PYTHON_INSTALL_MIRROR, UV_PYTHON_DOWNLOADS_JSON_URL);
python-build-standalone's documentation ("Distribution archives": the layout of ``install_only`` archives, "Quirks").
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from grocker.digest import Digest, hexadecimal
from grocker.errors import CorruptError, DeniedError, GrockerError, MissingError, TryAgainError, UnavailableError
from grocker.platforms.architectures import ARCHITECTURES
from grocker.platforms.interpreters import STANDALONE
from grocker.python import uv as _uv
from grocker.python.indexes import hide_credentials
from grocker.python.uv import Uv
from grocker.regex import regex
from grocker.store.writing import storage
from grocker.tar.entry import Entry, File, Symlink, path_problem

_KIND = ".tar.gz"
_TOP = "python/"
"""the directory that holds all files of an archive"""
_MOST_BYTES = 1 << 30
"""of all files together, unpacked"""
_NEUTRAL = Path("/")
"""where uv finds no configuration of a project: the interpreter runs on this host, so only the caller may say where it
comes from"""
_LISTED = {"UV_PYTHON_DOWNLOADS": "manual", "UV_COMPILE_BYTECODE": "0"}
_BUILD = regex(r"\+(?P<build>\d+)-|-(?P<older>\d{8})(?:T\d+)?\.tar")
_HASHES = regex(r"Expected:\s+(?P<expected>[0-9a-f]{64}).*?Computed:\s+(?P<computed>[0-9a-f]{64})", re.DOTALL)
_MIRROR = "set UV_PYTHON_INSTALL_MIRROR to a mirror of python-build-standalone's releases"


class Download(msgspec.Struct, frozen=True):
    """An archive that uv knows."""

    key: str
    """uv's name for it: ``cpython-3.12.16-linux-x86_64-gnu``"""
    version: str
    """``3.12.16``; free-threaded ``3.13.18t``"""
    architecture: str
    """Debian's name"""
    url: str

    @property
    def file(self) -> str:
        """Its file name."""
        return posixpath.basename(unquote(urlsplit(self.url).path))

    @property
    def build(self) -> str:
        """The publisher's release that it is part of: ``20261110``; empty if its name does not say."""
        match = _BUILD.search(self.file)
        return (match["build"] or match["older"]) if match else ""


class _Row(msgspec.Struct, frozen=True):
    """One of ``uv python list --output-format json``."""

    key: str
    version: str
    os: str
    arch: str
    libc: str
    implementation: str
    variant: str = "default"
    url: str | None = None


def list_downloads(uv: Uv) -> tuple[Download, ...]:
    """Return every archive of CPython for Debian that uv knows, the newest version first.

    Raises UnavailableError if uv cannot read its list.
    """
    action = "listing Python interpreters"
    arguments = ("python", "list", "--only-downloads", "--all-versions", "--all-arches", "--output-format", "json")
    output = _uv.run(uv, arguments, action=action, directory=_NEUTRAL, environment=_LISTED)
    if output.status != 0:
        raise UnavailableError(
            f"{action}: {hide_credentials(_uv.summarise_error(output.stderr))}",
            hint="check UV_PYTHON_DOWNLOADS_JSON_URL",
        )
    try:
        rows = msgspec.json.decode(output.stdout, type=tuple[_Row, ...])
    except msgspec.DecodeError as error:
        raise UnavailableError(f"{action}: uv's answer cannot be read: {error}", hint="reinstall Grocker") from error
    machines = {row.machine: row.name for row in ARCHITECTURES.values()}
    found = [
        Download(row.key, row.version + ("t" if row.variant == "freethreaded" else ""), machines[row.arch], row.url)
        for row in rows
        if row.url
        and (row.implementation, row.os, row.libc) == ("cpython", "linux", "gnu")
        and row.variant in ("default", "freethreaded")
        and row.arch in machines
        and re.fullmatch(r"3\.\d{1,3}\.\d{1,3}", row.version)
    ]
    usable = (one for one in found if one.file.endswith(_KIND))
    return tuple(sorted(usable, key=lambda one: (_numbers(one.version), one.version, one.architecture), reverse=True))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removesuffix("t").split("."))


def download_archive(uv: Uv, download: Download, workspace: Path, digest: Digest | None = None) -> Path:
    """Have uv fetch an archive into ``workspace`` and check its digest; return the file.

    ``digest``: None for the one that uv knows. Raises CorruptError if the digest is not the one that uv
    knows; UnavailableError, DeniedError, TryAgainError or MissingError if there is no archive.
    """
    action = f"fetching Python {download.version}"
    cache = workspace / "archives"
    listed = {} if digest is None else {"UV_PYTHON_DOWNLOADS_JSON_URL": str(_write_list(download, digest, workspace))}
    output = _uv.run(
        uv,
        ("python", "install", "--no-bin", "--install-dir", workspace / "installed", download.key),
        action=action,
        directory=_NEUTRAL,
        environment={**_LISTED, "UV_PYTHON_CACHE_DIR": str(cache), **listed},
    )
    found = sorted(path for path in cache.glob(f"*{_KIND}") if path.is_file()) if cache.is_dir() else []
    # uv may refuse what it has unpacked, for instance because it cannot be run here: the archive is what counts.
    if output.status != 0 and (not found or _HASHES.search(output.stderr)):
        raise _failure(output.stderr, action)
    if len(found) != 1:
        raise UnavailableError(f"{action}: uv did not keep the archive", hint="reinstall Grocker")
    return found[0]


def _write_list(download: Download, digest: Digest, workspace: Path) -> Path:
    """Write a list of one archive, for uv."""
    major, minor, patch = _numbers(download.version)
    row = {
        "name": "cpython",
        "arch": {"family": ARCHITECTURES[download.architecture].machine, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "variant": "freethreaded" if download.version.endswith("t") else None,
        "build": download.build,
        "url": download.url,
        "sha256": hexadecimal(digest),
    }
    path = workspace / "list.json"
    with storage("writing to the cache", workspace):
        path.write_bytes(msgspec.json.encode({download.key: row}))
    return path


def _failure(text: str, action: str) -> GrockerError:
    """The error for a failed uv."""
    words = hide_credentials(_uv.summarise_error(text))
    hashes = _HASHES.search(text)
    if hashes is not None:
        return CorruptError(
            f"{action}: expected sha256:{hashes['expected']}, got sha256:{hashes['computed']}",
            hint="check the mirror (UV_PYTHON_INSTALL_MIRROR, UV_PYTHON_DOWNLOADS_JSON_URL)",
        )
    status = _uv.http_status(text)
    if status in (401, 403):
        return DeniedError(f"{action}: the server denies access: {words}", hint=_MIRROR)
    if status == 404:
        return MissingError(f"{action}: the server does not have it: {words}", hint=_MIRROR)
    if status == 429:
        return TryAgainError(f"{action}: rate limited: {words}", hint="try again later")
    host = _uv.unreachable_host(text)
    return UnavailableError(f"{action}: {f'cannot reach {host}' if host else words}", hint=_MIRROR)


# -- the files of an archive ------------------------------------------------------------------------------------------

_APART = frozenset({"tkinter", "turtledemo", "turtle.py", "idlelib", "ensurepip", "test", "tests", "idle_test"})
"""modules that Debian's python3 lacks too"""
_TESTS = frozenset({"lib2to3/tests", "unittest/test", "distutils/tests", "ctypes/test", "sqlite3/test", "tkinter/test"})
_LIBRARY = regex(r"lib(?!tcl|tk|itcl|thread)[\w+.-]+\.so(?:\.\d+)*")
_BUILD_VARIABLES = regex(r"/_sysconfigdata_[^/]*\.py\Z|/config-[^/]*/Makefile\Z")
_TEST_MODULES = regex(r"_(?:test\w*|xxtestfuzz|ctypes_test|xxsubinterpreters_test|tkinter)\.|xxlimited")


def read_archive(
    path: Path, series: str, *, file: str, architecture: str, development: bool = False
) -> tuple[Entry, ...]:
    """Return the files of an archive as entries at the place of a standalone interpreter.

    ``series``: its release series. ``file``: the archive's name, for errors. ``development``: also what only compiling
    takes: headers and the Makefile. Raises CorruptError for an archive that is malformed or
    has no interpreter.
    """
    from grocker.tar.limits import find_members, open_tar  # tarfile, which only a new interpreter takes

    found: dict[str, Entry] = {}
    with path.open("rb") as stream, open_tar(stream, f"the archive {file}") as archive:
        total = 0
        links: dict[str, str] = {}
        for member in find_members(archive):
            name = posixpath.normpath(member.name)
            if not name.startswith(_TOP) or ".." in name.split("/"):
                if name + "/" == _TOP:
                    continue
                raise _malformed(file, f"{member.name!r} is not below {_TOP}")
            inside = name.removeprefix(_TOP)
            place = f"{STANDALONE.prefix}/{inside}"
            if member.isdir() or not _is_kept(inside, series, development=development):
                continue
            problem = path_problem(place)
            if problem is not None:
                raise _malformed(file, f"the path {inside!r} {problem}")
            if member.issym():
                _check_link(inside, member.linkname, file)
                found[place] = Symlink(place, member.linkname)
            elif member.islnk():
                links[place] = f"{STANDALONE.prefix}/{posixpath.normpath(member.linkname).removeprefix(_TOP)}"
            elif member.isreg():
                total += member.size
                if total > _MOST_BYTES:
                    raise _malformed(file, f"more than {_MOST_BYTES >> 20} MB")
                content = archive.extractfile(member)
                assert content is not None
                data = content.read(member.size)
                if _BUILD_VARIABLES.search(inside):
                    data = relocate(data)
                found[place] = File(place, data, 0o755 if member.mode & 0o111 else 0o644)
            else:
                raise _malformed(file, f"{member.name!r} is neither a file nor a directory nor a link")
    for place, target in links.items():
        other = found.get(target)
        if isinstance(other, File):
            found[place] = File(place, other.data, other.mode)
    if not isinstance(found.get(f"{STANDALONE.prefix}/bin/python{series}"), File):
        raise _malformed(file, f"it has no {_TOP}bin/python{series}")
    kept = (found[place] for place in sorted(found) if not _dangles(place, found))
    return (*kept, *_embedded(found, architecture))


def _malformed(file: str, reason: str) -> CorruptError:
    return CorruptError(
        f"unpacking {file}: {reason}", hint="choose another mirror (UV_PYTHON_INSTALL_MIRROR), or another version"
    )


def _is_kept(inside: str, series: str, *, development: bool) -> bool:
    """Whether images have the file at ``inside``, relative to the interpreter's directory."""
    first, _, rest = inside.partition("/")
    if first == "bin":
        return rest in ("python", "python3", f"python{series}", f"python{series.removesuffix('t')}")
    if first == "include":
        return development
    if first != "lib":
        return False
    library = f"python{series}/"
    if not rest.startswith(library):
        return bool(_LIBRARY.fullmatch(rest))
    module = rest.removeprefix(library)
    if module.startswith("config-"):
        return development and module.endswith("/Makefile")
    if module.startswith("site-packages/"):
        return module == "site-packages/README.txt"
    if module.split("/", 1)[0] in _APART or any(module.startswith(f"{one}/") for one in _TESTS):
        return False
    if "__pycache__" in module.split("/"):
        return False  # Grocker compiles them itself, with hashes instead of times
    return not (module.startswith("lib-dynload/") and _TEST_MODULES.match(module.removeprefix("lib-dynload/")))


def _check_link(inside: str, target: str, file: str) -> None:
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(inside), target))
    if target.startswith("/") or joined == ".." or joined.startswith("../"):
        raise _malformed(file, f"the link {inside!r} leads out of the archive, to {target!r}")


def _dangles(place: str, found: dict[str, Entry]) -> bool:
    """Whether the entry is a link to what was left out."""
    entry = found[place]
    seen: set[str] = set()
    while isinstance(entry, Symlink):
        if entry.path in seen:
            return True
        seen.add(entry.path)
        other = found.get(posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.target)))
        if other is None:
            return True
        entry = other
    return False


def _embedded(found: Iterable[str], architecture: str) -> Iterator[Entry]:
    """Links where the loader looks for the interpreter's library, for programs that embed it."""
    for place in sorted(found):
        directory, _, name = place.rpartition("/")
        if directory == f"{STANDALONE.prefix}/lib" and re.fullmatch(r"libpython3\.\d+t?\.so\.1\.0", name):
            yield Symlink(f"usr/lib/{ARCHITECTURES[architecture].triplet}/{name}", f"/{place}")


_FOREIGN = (
    (regex(rb"(?<![\w/.-])/install(?=[/'\" ]|$)", re.M), f"/{STANDALONE.prefix}".encode()),
    (regex(rb"(?<![\w/.-])(?:[\w/.-]+/)?clang\+\+(?![\w-])"), b"g++"),
    (regex(rb"(?<![\w/.-])(?:[\w/.-]+/)?clang(?![\w+-])"), b"gcc"),
    (regex(rb"(?<![\w/.-])(?:[\w/.-]+/)?llvm-ar(?![\w-])"), b"ar"),
    (regex(rb"(?<![\w/.-])(?:[\w/.-]+/)?llvm-profdata(?![\w-])"), b"true"),
    (regex(rb" ?-(?:fdebug-default-version=\d+|Wno-unused-command-line-argument|Qunused-arguments)"), b""),
    (regex(rb" ?(?:-I|-L)/tools/\S+?(?=[ '\"])"), b""),
    (regex(rb" ?--sysroot=\S+?(?=[ '\"])"), b""),
)
"""(what the machine had that the interpreter was built on, what images and Debian's compilers have)"""


def relocate(data: bytes) -> bytes:
    """Return the interpreter's build variables with its place in images and the names of Debian's compilers."""
    for pattern, replacement in _FOREIGN:
        data = pattern.sub(replacement, data)
    return data
