"""Archives laid out as python-build-standalone's ``install_only`` ones, made of Debian's interpreters, and their list.

What is in them is what they say: ``cpython-3.11.2`` is Debian 12's Python 3.11.2, in another place. Their libraries are
Debian's too, which real archives have inside, so that images of them need ``LIBRARIES``.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from grocker import debian
from grocker.tar.entry import Entry, File, Symlink
from grocker.tar.writer import chunks

LIBRARIES = (
    *("libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libreadline8t64", "libsqlite3-0"),
    *("libssl3t64", "libuuid1", "zlib1g"),
)
"""Debian 13's packages with what the modules of Debian 12's Python are linked with"""
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_TOP = re.compile(r"usr/(?P<inside>bin/python3\.\d+|(?:lib|include)/python3\.\d+/.*)")
_LIBRARY = re.compile(r"usr/lib/[^/]+-linux-gnu/(?P<name>lib(?:ssl|crypto|ffi|mpdec)[\w.-]*\.so[.\d]*)")
_MULTIARCH = re.compile(r"usr/include/(?P<inside>[^/]+/python3\.\d+/.*)")


@dataclass(frozen=True)
class Archive:
    """An archive, as uv lists it."""

    path: Path
    version: str
    """``3.11.2``; free-threaded ``3.13.5t``"""
    architecture: str = "amd64"
    build: str = "20261110"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def row(self) -> tuple[str, dict[str, Any]]:
        """Its name, and what is said of it."""
        machine, free = _MACHINES[self.architecture], self.version.endswith("t")
        version = self.version.removesuffix("t")
        major, minor, patch = map(int, version.split("."))
        key = f"cpython-{version}{'+freethreaded' if free else ''}-linux-{machine}-gnu"
        return key, {
            "name": "cpython",
            "arch": {"family": machine, "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": major,
            "minor": minor,
            "patch": patch,
            "prerelease": "",
            "variant": "freethreaded" if free else None,
            "build": self.build,
            "sha256": self.sha256,
        }


def file_name(version: str, architecture: str = "amd64", build: str = "20261110") -> str:
    """Return the name that such an archive has."""
    variant = "-freethreaded" if version.endswith("t") else ""
    machine = _MACHINES[architecture]
    kind = f"{machine}-unknown-linux-gnu{variant}-install_only_stripped"
    return f"cpython-{version.removesuffix('t')}+{build}-{kind}.tar.gz"


def write_archive(place: Path, version: str, files: Mapping[str, bytes | str], **about: str) -> Archive:
    """Write an archive of these files below ``python``: bytes, or the target of a link."""
    path = place / file_name(version, **about)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(f"python/{name}")
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
                continue
            info.size = len(content)
            info.mode = 0o755 if name.startswith("bin/") else 0o644
            archive.addfile(info, io.BytesIO(content))
    return Archive(path, version, **about)


def archive_of_packages(debs: Iterable[Path], place: Path, **about: str) -> Archive:
    """Make an archive of an interpreter's Debian packages, and of libraries that Debian 13 does not have."""
    files: dict[str, bytes | str] = {}
    version = ""
    for deb in debs:
        read = debian.unpack(deb, name=deb.name)
        for entry in read.entries:
            inside = _inside(entry)
            if inside and isinstance(entry, File):
                files[inside] = b"".join(chunks(entry))
            elif inside and isinstance(entry, Symlink) and not entry.target.startswith("/"):
                files[inside] = entry.target
        if re.fullmatch(r"python3\.\d+-minimal", read.facts.name):
            version = re.split(r"[-+~]", read.facts.version, maxsplit=1)[0]
    series = ".".join(version.split(".")[:2])
    links = {"bin/python3": f"python{series}", "bin/python": f"python{series}"}
    machine = rb"(?:x86_64|aarch64)-linux-gnu-"
    for name, data in list(files.items()):
        if "/_sysconfigdata_" not in name or not isinstance(data, bytes):
            continue
        data = re.sub(rb"(?<![\w/])/usr(?=[/'])(?!/\w+(?:/lib)?/zoneinfo)", b"/install", data)
        files[name] = re.sub(machine + rb"g\+\+", b"clang++", re.sub(machine + rb"gcc(?!-)", b"clang", data))
    # Links out of the library, to headers and to a shared library elsewhere, would dangle.
    kept = {
        name: content
        for name, content in files.items()
        if isinstance(content, bytes) or posixpath.normpath(posixpath.join(posixpath.dirname(name), content)) in files
    }
    return write_archive(place, version, {**kept, **links}, **about)


def _inside(entry: Entry) -> str:
    match = _TOP.fullmatch(entry.path)
    if match is not None:
        return match["inside"]
    library = _LIBRARY.fullmatch(entry.path)
    if library is not None:
        return f"lib/{library['name']}"
    multiarch = _MULTIARCH.fullmatch(entry.path)
    if multiarch is None:
        return ""
    series = multiarch["inside"].split("/")[1]
    return f"include/{series}/{multiarch['inside']}"


@contextmanager
def serve(directory: Path, archives: Iterable[Archive]) -> Iterator[str]:
    """Serve what is in ``directory``, with ``list.json``, the list of the archives; the address of that."""
    handler = partial(_Handler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        address = f"http://127.0.0.1:{server.server_port}"
        rows = {
            key: {**row, "url": f"{address}/{one.path.relative_to(directory)}"}
            for one in archives
            for key, row in [one.row]
        }
        (directory / "list.json").write_text(json.dumps(rows))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"{address}/list.json"
        finally:
            server.shutdown()
            thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def log_request(self, code: object = "-", size: object = "-") -> None:
        return None

    def log_error(self, *words: object) -> None:
        return None
