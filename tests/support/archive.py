"""A Debian archive of made-up packages, signed with a generated key: in memory, over HTTP, or on disk.

``Archive().add(Package("hello"))`` and ``with archive.serve() as address:``. The code under test trusts it when it is
given ``archive.signers()``, or when a test puts those into ``grocker.debian.SIGNERS``.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pysequoia

from grocker.platforms.suites import Signer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When the archive was made, for code under test that is told the time."""

SUITES = ("trixie", "trixie-updates", "trixie-security")


@dataclass(frozen=True)
class Link:
    """A symbolic link of a package."""

    target: str


@dataclass(frozen=True)
class Hard:
    """A hard link of a package; ``target``: as written in the archive."""

    target: str


@dataclass(frozen=True)
class Folder:
    """A directory of a package."""

    mode: int = 0o755
    user: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Program:
    """A file of a package with a mode and owners of its own."""

    data: bytes = b""
    mode: int = 0o755
    user: str = "root"
    group: str = "root"


Content = bytes | str | Link | Hard | Folder | Program | tarfile.TarInfo


@dataclass(frozen=True)
class Package:
    """A package to make."""

    name: str
    version: str = "1.0-1"
    architecture: str = "amd64"
    files: Mapping[str, Content] = field(default_factory=dict)
    """by path, as ``usr/bin/hello``; parents are added"""
    fields: Mapping[str, str] = field(default_factory=dict)
    """of its control stanza, added to those that every package has: ``Depends``, ``Provides``"""
    control: Mapping[str, str] = field(default_factory=dict)
    """further control files: ``postinst``, ``conffiles``, ``triggers``"""
    compression: str = "xz"
    """``xz``, ``gz``, or empty for none"""

    def stanza(self) -> str:
        """Its control stanza."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "Nobody <nobody@example.invalid>",
            "Priority": "optional",
            **self.fields,
            "Description": f"{self.name}, made up\n It exists for tests.",
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())

    @property
    def path(self) -> str:
        """Its place in the archive."""
        return f"pool/main/{self.name[0]}/{self.name}/{self.name}_{self.version}_{self.architecture}.deb"

    def deb(self) -> bytes:
        """Return the .deb; the same package gives the same bytes."""
        control = {"control": self.stanza(), **self.control}
        end = f".{self.compression}" if self.compression else ""
        return ar(
            {
                "debian-binary": b"2.0\n",
                f"control.tar{end}": compressed(tar(dict(control)), self.compression),
                f"data.tar{end}": compressed(tar(self.files), self.compression),
            }
        )


def ar(members: Mapping[str, bytes]) -> bytes:
    """An ar archive."""
    out = b"!<arch>\n"
    for name, data in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data
        out += b"\n" * (len(data) & 1)
    return out


def tar(files: Mapping[str, Content]) -> bytes:
    """A tar archive as dpkg-deb writes it: GNU format, names below ``./``, parents first."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        made: set[str] = set()
        _member(archive, "./", Folder())
        for path, content in files.items():
            parts = path.split("/")[:-1]
            for end in range(1, len(parts) + 1):
                parent = "/".join(parts[:end])
                if parent and parent not in made and parent not in files:
                    made.add(parent)
                    _member(archive, f"./{parent}/", Folder())
            _member(archive, path if path.startswith(("/", "../")) else f"./{path}", content)
    return out.getvalue()


def _member(archive: tarfile.TarFile, name: str, content: Content) -> None:
    info = tarfile.TarInfo(name)
    info.uname = info.gname = "root"
    data = b""
    match content:
        case tarfile.TarInfo():
            info = content
        case Link(target):
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
        case Hard(target):
            info.type, info.linkname = tarfile.LNKTYPE, target
        case Folder(mode, user, group):
            info.type, info.mode, info.uname, info.gname = tarfile.DIRTYPE, mode, user, group
        case Program(data, mode, user, group):
            info.mode, info.uname, info.gname = mode, user, group
        case str():
            data = content.encode()
        case bytes():
            data = content
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def compressed(data: bytes, how: str) -> bytes:
    """``data`` by ``xz``, ``gz``, or as it is."""
    if how == "xz":
        return lzma.compress(data, preset=0)
    if how == "gz":
        return gzip.compress(data, mtime=0)
    return data


def key(name: str = "archive") -> pysequoia.Tsk:
    """A secret key for signing, made once in a test run; another name is another key."""
    return _key(name)


@cache
def _key(name: str) -> pysequoia.Tsk:
    return pysequoia.Tsk.generate(f"{name} <{name}@example.invalid>")


def sign(content: bytes, by: pysequoia.Tsk) -> bytes:
    """``content`` as a clear-signed message."""
    return bytes(pysequoia.sign(by.signer(), content, mode=pysequoia.SignatureMode.CLEAR))


def signer(name: str = "archive") -> Signer:
    """The public side of ``key(name)``, as a pinned signer."""
    return _signer(name)


@cache
def _signer(name: str) -> Signer:
    asked: list[str] = []
    certificate = key(name).extract_certificate()

    def known(identifiers: list[str]) -> list[pysequoia.Cert]:
        asked.extend(identifiers)
        return [certificate]

    pysequoia.verify(bytes=sign(b"x\n", key(name)), store=known)
    return Signer(name, certificate.fingerprint, tuple(asked), bytes(certificate))


@dataclass
class Archive:
    """The archive; ``files`` are computed from the packages at each call."""

    architectures: tuple[str, ...] = ("amd64",)
    signed_by: tuple[str, ...] = ("archive",)
    origin: str = "Debian"
    date: datetime = NOW - timedelta(hours=2)
    valid_until: datetime | None = NOW + timedelta(days=7)
    by_hash: bool = True
    compression: str = "xz"
    packages: dict[str, list[Package]] = field(default_factory=lambda: {suite: [] for suite in SUITES})
    codenames: dict[str, str] = field(default_factory=dict)
    """by suite, where its release has another codename"""
    replaced: dict[str, bytes] = field(default_factory=dict)
    """files to serve instead, by path: for faults"""
    requests: list[str] = field(default_factory=list)

    def add(self, *packages: Package, suite: str = "trixie") -> Archive:
        """Put packages into a suite."""
        self.packages[suite].extend(packages)
        return self

    def signers(self) -> dict[str, tuple[Signer, ...]]:
        """Return the signers to trust, by suite."""
        return {suite: (signer(),) for suite in self.packages}

    def files(self) -> dict[str, bytes]:
        """Return every file of the archive by its path."""
        found: dict[str, bytes] = {}
        for suite, packages in self.packages.items():
            indices = {}
            for architecture in self.architectures:
                index = ""
                for package in packages:
                    if package.architecture not in (architecture, "all"):
                        continue
                    data = package.deb()
                    found[package.path] = data
                    index += package.stanza() + f"Filename: {package.path}\nSize: {len(data)}\n"
                    index += f"SHA256: {hashlib.sha256(data).hexdigest()}\n\n"
                where = f"main/binary-{architecture}"
                end = f".{self.compression}" if self.compression else ""
                packed = compressed(index.encode(), self.compression)
                indices[f"{where}/Packages{end}"] = packed
                if self.by_hash:
                    found[f"dists/{suite}/{where}/by-hash/SHA256/{hashlib.sha256(packed).hexdigest()}"] = packed
            found.update({f"dists/{suite}/{path}": packed for path, packed in indices.items()})
            found[f"dists/{suite}/InRelease"] = self._release(suite, indices)
        return {**found, **self.replaced}

    def _release(self, suite: str, indices: Mapping[str, bytes]) -> bytes:
        form = "%a, %d %b %Y %H:%M:%S UTC"
        lines = [
            f"Origin: {self.origin}",
            f"Suite: {suite.replace('trixie', 'stable')}",
            f"Codename: {self.codenames.get(suite, suite)}",
            f"Date: {self.date.strftime(form)}",
            *([f"Valid-Until: {self.valid_until.strftime(form)}"] if self.valid_until else []),
            f"Acquire-By-Hash: {'yes' if self.by_hash else 'no'}",
            f"Architectures: {' '.join(self.architectures)} all",
            "Components: main",
            "SHA256:",
            *(f" {hashlib.sha256(data).hexdigest()} {len(data)} {path}" for path, data in indices.items()),
        ]
        content = "".join(line + "\n" for line in lines).encode()
        (first,) = self.signed_by or (None,)
        return content if first is None else sign(content, key(first))

    def write(self, directory: Path) -> None:
        """Write the archive as a tree of files."""
        for path, data in self.files().items():
            place = directory / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve the archive over HTTP on 127.0.0.1 in its present state; the address."""
        files, requests = self.files(), self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.lstrip("/").replace("%2B", "+").replace("%7E", "~")
                requests.append(path)
                data = files.get(path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
