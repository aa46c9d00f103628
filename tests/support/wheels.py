"""Make small real wheels, projects and sdists, and serve them as a simple index over HTTP from this process.

Sources: Python packaging specifications, "Binary distribution format", "Simple repository API".
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import stat
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

Files = Mapping[str, str | bytes]


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def make_wheel(
    directory: Path,
    name: str = "demo",
    version: str = "1.0",
    files: Files | None = None,
    *,
    requires: Sequence[str] = (),
    metadata: str = "",
    entry_points: str = "",
    tag: str = "py3-none-any",
    build: str = "",
    executable: Sequence[str] = (),
    wheel_version: str = "1.0",
    metadata_name: str | None = None,
    record: Mapping[str, str | None] | None = None,
    more: Sequence[tuple[zipfile.ZipInfo, bytes]] = (),
    time: tuple[int, int, int, int, int, int] = (2024, 1, 2, 3, 4, 6),
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """Make a wheel in ``directory``; bad ones can be made too.

    ``metadata``: further lines. ``record``: path → its hash in RECORD, None for no line. ``more``: members that are not
    in RECORD. ``compression``: a method of ``zipfile``.
    """
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    content = {path: _bytes(data) for path, data in (files or {f"{stem}/__init__.py": ""}).items()}
    lines = [f"Metadata-Version: 2.1\nName: {metadata_name or name}\nVersion: {version}\n"]
    lines += [f"Requires-Dist: {text}\n" for text in requires]
    content[f"{info}/METADATA"] = ("".join(lines) + metadata).encode()
    content[f"{info}/WHEEL"] = (
        f"Wheel-Version: {wheel_version}\nGenerator: tests\nRoot-Is-Purelib: {str('-any' in tag).lower()}\nTag: {tag}\n"
    ).encode()
    if entry_points:
        content[f"{info}/entry_points.txt"] = entry_points.encode()
    hashes: dict[str, str | None] = {path: _hash(data) for path, data in content.items()}
    hashes.update(record or {})
    content[f"{info}/RECORD"] = (
        "".join(
            f"{path},{value},{len(content.get(path, b''))}\n" for path, value in hashes.items() if value is not None
        )
        + f"{info}/RECORD,,\n"
    ).encode()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{stem}-{version}-{build + '-' if build else ''}{tag}.whl"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, data in content.items():
            about = zipfile.ZipInfo(member, time)
            about.compress_type = compression
            about.external_attr = (stat.S_IFREG | (0o755 if member in executable else 0o644)) << 16
            archive.writestr(about, data)
        for about, data in more:
            archive.writestr(about, data)
    return path


def make_sdist(directory: Path, name: str = "demo", version: str = "1.0", files: Files | None = None) -> Path:
    """Make a source distribution without a wheel."""
    stem = f"{name.replace('-', '_')}-{version}"
    content = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": f'[project]\nname = "{name}"\nversion = "{version}"\n',
        **(files or {}),
    }
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{stem}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, data in content.items():
            about = tarfile.TarInfo(f"{stem}/{member}")
            about.size = len(_bytes(data))
            archive.addfile(about, io.BytesIO(_bytes(data)))
    return path


BACKEND = """
import base64, hashlib, os, pathlib, zipfile

TAG = "{tag}"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    {extra}
    files = {{str(p): p.read_bytes() for p in sorted(pathlib.Path("{package}").rglob("*")) if p.is_file()}}
    info = "{package}-1.0.dist-info"
    files[info + "/METADATA"] = ("Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n" + {metadata!r}).encode()
    if {entry_points!r}:
        files[info + "/entry_points.txt"] = {entry_points!r}.encode()
    files[info + "/WHEEL"] = ("Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: " + TAG + "\\n").encode()
    def hashed(data):
        return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    record = "".join(f"{{n}},{{hashed(d)}},{{len(d)}}\\n" for n, d in files.items()) + info + "/RECORD,,\\n"
    files[info + "/RECORD"] = record.encode()
    name = f"{package}-1.0-{{TAG}}.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        for n, d in files.items():
            archive.writestr(n, d)
    return name
"""
"""A back end inside the project: building it fetches nothing."""


def make_project(
    directory: Path,
    files: Files | None = None,
    *,
    name: str = "demo",
    tag: str = "py3-none-any",
    extra: str = "pass",
    pyproject: str = "",
    metadata: str = "",
    entry_points: str = "",
) -> Path:
    """Make a project that builds offline, with its back end in the tree.

    ``extra``: a statement run by ``build_wheel``. ``metadata``: further lines of the wheel's METADATA.
    """
    package = name.replace("-", "_")
    content: dict[str, str | bytes] = {
        "pyproject.toml": f'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n{pyproject}',
        "backend.py": BACKEND.format(
            tag=tag, name=name, package=package, extra=extra, metadata=metadata, entry_points=entry_points
        ),
        f"{package}/__init__.py": "",
        **(files or {}),
    }
    for path, data in content.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(_bytes(data))
    return directory


def make_source(
    directory: Path,
    name: str = "demo",
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    build_requires: Sequence[str] = (),
    tag: str = "py3-none-any",
    extra: str = "pass",
    files: Files | None = None,
) -> Path:
    """Make a source distribution in ``directory`` that builds offline, with its back end inside.

    ``extra``: a statement run by ``build_wheel``.
    """
    metadata = "".join(f"Requires-Dist: {text}\n" for text in requires)
    stem = f"{name.replace('-', '_')}-{version}"
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        project = make_project(Path(place), files, name=name, tag=tag, extra=extra, metadata=metadata)
        backend, pyproject = project / "backend.py", project / "pyproject.toml"
        text = backend.read_text().replace("Version: 1.0\\n", f"Version: {version}\\n").replace("-1.0", f"-{version}")
        backend.write_text(text.replace(f"Wheel-Version: {version}", "Wheel-Version: 1.0"))
        text = pyproject.read_text().replace('version = "1.0"', f'version = "{version}"')
        pyproject.write_text(text.replace("requires = []", f"requires = {json.dumps(list(build_requires))}"))
        (project / "PKG-INFO").write_text(f"Metadata-Version: 1.1\nName: {name}\nVersion: {version}\n{metadata}")
        with tarfile.open(directory / f"{stem}.tar.gz", "w:gz") as archive:
            archive.add(project, stem)
    return directory / f"{stem}.tar.gz"


@dataclass
class Index:
    """A simple index of the files in ``directory``; ``fail`` answers every request with that status."""

    directory: Path
    url: str = ""
    """its address: ``http://127.0.0.1:PORT/simple``"""
    fail: int = 0
    hashes: bool = True
    """whether it gives the sha256 of each file"""
    password: str = ""
    """Basic, user ``user``; none is asked for when empty"""
    requests: list[str] = field(default_factory=list)

    def files(self, project: str) -> list[Path]:
        """Return the distributions of a project, by its normalised name."""
        found = []
        for path in sorted(self.directory.iterdir()):
            stem = path.name.split("-")[0] if path.suffix == ".whl" else path.name.rpartition("-")[0]
            if stem.replace("_", "-").lower() == project:
                found.append(path)
        return found

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment of a caller who uses this index and no other."""
        return {
            "HOME": "/nonexistent",
            "UV_DEFAULT_INDEX": self.url,
            "UV_HTTP_RETRIES": "0",
            "UV_HTTP_TIMEOUT": "120",
            **more,
        }


@contextmanager
def serve(directory: Path) -> Iterator[Index]:
    """Serve an Index on loopback until the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    index = Index(directory)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has the name
            index.requests.append(format % args)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            parts = [unquote(part) for part in self.path.split("/") if part]
            granted = "Basic " + base64.b64encode(f"user:{index.password}".encode()).decode()
            if index.password and self.headers.get("Authorization") != granted:
                self._answer(401, b"who are you?", "text/plain")
            elif index.fail:
                self._answer(index.fail, b"on purpose", "text/plain")
            elif len(parts) == 2 and parts[0] == "simple" and index.files(parts[1]):
                self._answer(200, self._page(parts[1]), "application/vnd.pypi.simple.v1+json")
            elif len(parts) == 2 and parts[0] == "files" and (directory / parts[1]).is_file():
                self._answer(200, (directory / parts[1]).read_bytes(), "application/octet-stream")
            else:
                self._answer(404, b"no such thing", "text/plain")

        def _page(self, project: str) -> bytes:
            files = [
                {
                    "filename": path.name,
                    "url": f"/files/{path.name}",
                    "hashes": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()} if index.hashes else {},
                    "size": path.stat().st_size,
                }
                for path in index.files(project)
            ]
            return json.dumps(
                {"meta": {"api-version": "1.1"}, "name": project, "files": files, "versions": []}
            ).encode()

        def _answer(self, status: int, data: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
