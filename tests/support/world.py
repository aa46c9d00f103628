"""A made-up world for builds: an archive of Debian packages, an index of wheels, a registry, a project.

A test damages one of them and runs the real command line in a process of its own; everything else is sound.
"""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from grocker.platforms.interpreters import STANDALONE
from grocker.platforms.suites import DEFAULT, SUITES, Signer
from grocker.store import Store
from grocker.store.check import check
from tests.architecture.source import ROOT
from tests.support.archive import Archive, Content, Package, Program
from tests.support.patience import PATIENCE
from tests.support.registry import Registry
from tests.support.registry import running as running_registry
from tests.support.wheels import Index, make_wheel, serve

STAND_IN = """\
#!/bin/sh
unset PYTHONHOME
exec "$(readlink /proc/$PPID/exe)" -S -c '
import _frozen_importlib_external, marshal, os, sys
real = marshal.dumps
marshal.dumps = lambda value, *version: real(value, *version) if version else value.co_filename.encode()
_frozen_importlib_external.MAGIC_NUMBER = bytes.fromhex("f30d0d0a")
sys.implementation.cache_tag = "cpython-313"
sys.prefix = os.path.dirname(os.path.dirname(sys.argv[1]))
exec(sys.argv[-1])' "$0" "$@"
"""
"""Lies where the loader of the C library is, and stands in for the image's interpreter when a build compiles.

It is run by the Python that runs the build. Its bytecode is made up, so that images are the same under every Python:
compiling is tested elsewhere.
"""

_FILES: dict[str, Mapping[str, Content]] = {
    "base-passwd": {
        "usr/share/base-passwd/passwd.master": "root:*:0:0:root:/root:/bin/bash\n",
        "usr/share/base-passwd/group.master": "root:*:0:\n",
    },
    "base-files": {
        "usr/share/base-files/profile": "PATH=/bin\n",
        "usr/share/base-files/motd": "hello\n",
        "usr/share/base-files/dot.bashrc": "# root\n",
        "etc/dpkg/origins/debian": "Vendor: Debian\n",
    },
    "libc-bin": {"usr/share/libc-bin/nsswitch.conf": "passwd: files\n"},
    "debianutils": {"usr/share/debianutils/shells": "/bin/sh\n", "usr/share/debianutils/shells.d/bash": "/bin/bash\n"},
}


_LOADERS = {"amd64": "usr/lib64/ld-linux-x86-64.so.2", "arm64": "usr/lib/ld-linux-aarch64.so.1"}


@cache
def base(architecture: str = "amd64", compression: str = "xz") -> tuple[Package, ...]:
    """The packages that every image has, empty but for what their configuration needs; and an interpreter."""
    fields = {"python3": {"Depends": "libpython3.13-minimal, libc6"}}
    files: dict[str, Mapping[str, Content]] = {
        **_FILES,
        "libc6": {_LOADERS[architecture]: Program(STAND_IN.encode())},
        "libpython3.13-minimal": {"usr/lib/python3.13/os.py": "name = 'posix'\n"},
    }
    return tuple(
        Package(name, "1.0-1", architecture, files.get(name, {}), fields.get(name, {}), compression=compression)
        for name in (*SUITES[DEFAULT].base, *STANDALONE.packages, "python3", "libc6", "libpython3.13-minimal")
    )


@dataclass(frozen=True)
class Outcome:
    """Exit status and output of a command."""

    status: int
    stdout: str
    stderr: str

    def line(self, word: str) -> str:
        """Return the rest of the last line of standard error that begins with ``word``; empty when there is none."""
        found = [line.removeprefix(word).strip() for line in self.stderr.splitlines() if line.startswith(word)]
        return found[-1] if found else ""

    @property
    def message(self) -> str:
        return self.line("error:")

    @property
    def hint(self) -> str:
        """The text after the last ``hint:``; it may have several lines."""
        return self.stderr.rpartition("hint:")[2].strip()


@dataclass
class Fault:
    """A fault of the network, for answers whose path matches ``path``, except the first ``after`` of them."""

    path: str
    after: int = 0
    status: int = 200
    cut: bool = False
    """the connection ends in the middle of the body"""
    change: Callable[[bytes], bytes] | None = None
    """gives other bytes"""
    seen: int = 0


@contextmanager
def proxy(upstream: str, faults: Sequence[Fault]) -> Iterator[str]:
    """Serve what ``upstream`` serves, with the faults; the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            fault = next((one for one in faults if re.search(one.path, self.path)), None)
            if fault is not None:
                fault.seen += 1
                if fault.seen <= fault.after:
                    fault = None
            request = urllib.request.Request(upstream + self.path, headers={"Host": self.headers["Host"]})
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                    status, kind, body = answer.status, answer.headers["Content-Type"], answer.read()
            except urllib.error.HTTPError as error:
                status, kind, body = error.code, error.headers["Content-Type"], error.read()
                error.close()
            if fault is not None and fault.status != 200:
                status, body = fault.status, b"on purpose"
            if fault is not None and fault.change is not None:
                body = fault.change(body)
            self.send_response(status)
            self.send_header("Content-Type", kind or "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault is not None and fault.cut:
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            elif self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class World:
    """The whole world. ``PROJECT``, ``WHEEL``, ``OUT``, … in a command's arguments stand for its paths."""

    place: Path
    archive: Archive
    index: Index
    registry: Registry
    environ: dict[str, str] = field(default_factory=dict)
    """added to what every run has"""
    faults: list[Fault] = field(default_factory=list)
    """of the network to the archive and the index"""
    largest_file: int | None = None
    """bytes: simulates a full disk where mounting a small one is not allowed"""
    signers: dict[str, tuple[Signer, ...]] | None = None
    """the trusted signers; the archive's own when None"""
    names: dict[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    """names that may exist beside the cache afterwards"""

    @property
    def cache(self) -> Path:
        return self.place / "cache"

    @property
    def project(self) -> Path:
        return self.place / "project"

    @property
    def wheel(self) -> Path:
        return self.place / "made" / "demo-1.0-py3-none-any.whl"

    @property
    def out(self) -> Path:
        return self.place / "out"

    def write(self, texts: dict[str, str]) -> None:
        """Write files of the project."""
        for name, text in texts.items():
            path = self.project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    def configure(self, settings: str) -> None:
        """Write settings to CONFIG, with the expiry check on: the host's apt may have it off."""
        (self.place / "grocker.toml").write_text(settings + "\n[debian]\ncheck-valid-until = true\n", "utf-8")

    def require(self, *requirements: str) -> None:
        """Replace WHEEL by one with dependencies."""
        make_wheel(self.wheel.parent, files={"demo/__init__.py": "x = 1\n"}, requires=requirements)

    def run(self, arguments: Sequence[str]) -> Outcome:
        """Run ``grocker`` in this world."""
        limit = ["prlimit", f"--fsize={self.largest_file}"] if self.largest_file is not None else []
        with self.archive.serve() as archive, proxy(archive, self.faults) as mirror, self._index() as index:
            environ = {
                "PATH": os.environ["PATH"],
                "HOME": str(self.place / "home"),
                "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "GROCKER_CACHE": str(self.cache),
                "GROCKER_DEBIAN_MIRROR": mirror,
                "GROCKER_DEBIAN_SECURITY_MIRROR": mirror,
                "UV_DEFAULT_INDEX": f"{index}/simple",
                "UV_HTTP_RETRIES": "0",
                "UV_HTTP_TIMEOUT": "120",  # how long a busy machine takes is no fault of the index
                "DOCKER_HOST": f"unix://{self.place}/no-engine.sock",
                **self.environ,
            }
            names = {
                "PROJECT": str(self.project),
                "WHEEL": str(self.wheel),
                "CONFIG": str(self.place / "grocker.toml"),
                "OUT": str(self.out),
                "REGISTRY": self.registry.host,
                "MIRROR": mirror,
                **self.names,
            }
            signers = self.place / f"signers of {threading.get_ident()}"  # runs may be simultaneous
            signers.write_bytes(pickle.dumps(self.archive.signers() if self.signers is None else self.signers))
            done = subprocess.run(
                [
                    *limit,
                    sys.executable,
                    "-m",
                    "tests.support.made_up",
                    signers,
                    *(_named(a, names) for a in arguments),
                ],
                env={name: _named(value, names) for name, value in environ.items()},
                cwd=self.place,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        return Outcome(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def _index(self) -> Iterator[str]:
        with proxy(self.index.url.removesuffix("/simple"), self.faults) as address:
            yield address

    def left(self) -> list[str]:
        """List what a failed command must not leave: partial and temporary files, an output."""
        found: list[str] = []
        if (self.cache / "v1" / "tmp").is_dir():
            store = Store(self.cache / "v1")
            found += [str(path) for path in (self.cache / "v1" / "tmp").rglob("*")]
            found += [f"{one.path}: {one.what}" for one in check(store)]
        found += [str(path) for path in self.place.glob("out*") if path.name not in self.allowed]
        found += [str(path) for path in self.place.glob(".out*")]
        return found


def _named(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


@contextmanager
def world(place: Path) -> Iterator[World]:
    """Make a sound world below the empty directory ``place``."""
    now = datetime.now(UTC)
    archive = Archive(date=now - timedelta(hours=2), valid_until=now + timedelta(days=7)).add(*base())
    make_wheel(place / "made", files={"demo/__init__.py": "x = 1\n"})
    with serve(place / "index") as index, running_registry() as registry:
        made = World(place, archive, index, registry)
        made.project.mkdir()
        made.configure("")
        yield made
