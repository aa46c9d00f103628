"""The crates that a sandboxed cargo gets."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import socket
import tarfile
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from grocker.context import Context
from grocker.errors import CorruptError, DeniedError, GrockerError, MissingError, UnavailableError
from grocker.progress import Silent
from grocker.python import read_tree
from grocker.python.crates import Cargo, explain_failure, prepare_cargo
from grocker.store import Store
from grocker.web import Transport

DEFAULT = "registry+https://github.com/rust-lang/crates.io-index"
TOKEN = "hush-hush"


def archive(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as opened:
        member = tarfile.TarInfo(f"{name}/src/lib.rs")
        member.size = 4
        opened.addfile(member, io.BytesIO(b"// x"))
    return gzip.compress(out.getvalue(), mtime=0)  # the same in every process of a test run


CRATE = archive("Serde_x-1.0.0+a")
CHECKSUM = hashlib.sha256(CRATE).hexdigest()


class Registry(ThreadingHTTPServer):
    """A sparse registry that gives nothing without a token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.crate = CRATE


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        config = {"dl": f"{self.server.address}/dl/{{prefix}}/{{lowerprefix}}/{{crate}}-{{version}}.crate"}
        known = {
            "/index/config.json": json.dumps({**config, "auth-required": True}).encode(),
            "/dl/Se/rd/se/rd/Serde_x-1.0.0+a.crate": self.server.crate,
        }
        status = 200 if self.headers["Authorization"] == TOKEN and self.path in known else 401
        body = known[self.path] if status == 200 else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Place:
    """A source, a sandbox's root and a host's configuration."""

    def __init__(self, directory: Path, store: Store) -> None:
        self.directory, self.store = directory, store
        self.source, self.root, self.home = directory / "source", directory / "root", directory / "home"
        for made in (self.source / "python", self.root / "usr/bin", self.home):
            made.mkdir(parents=True)
        (self.root / "usr/bin/cargo").touch()
        self.write("python/__init__.py", "")

    def write(self, path: str, text: str) -> None:
        (self.source / path).parent.mkdir(parents=True, exist_ok=True)
        (self.source / path).write_text(text)

    def lock(self, *, source: str = DEFAULT, checksum: str = CHECKSUM, path: str = "Cargo.lock") -> None:
        self.write(
            path,
            'version = 3\n[[package]]\nname = "own"\nversion = "0.1.0"\n[[package]]\nname = "Serde_x"\n'
            f'version = "1.0.0+a"\nsource = "{source}"\n' + (f'checksum = "{checksum}"\n' if checksum else ""),
        )

    def configure(self, address: str, token: str = TOKEN) -> None:
        (self.home / "config.toml").write_text(
            '[source.crates-io]\nreplace-with = "near"\n'
            f'[registries.near]\nindex = "sparse+{address}/index/"\ntoken = "{token}"\n'
        )

    def prepare(self) -> Cargo | None:
        with Transport(environ={}, attempts=1) as transport:
            context = Context(self.store, transport, Silent(), {"CARGO_HOME": str(self.home)}, 0)
            return prepare_cargo(context, self.root, read_tree(self.source, now=0), "own")

    def refused(self) -> GrockerError:
        with pytest.raises(GrockerError) as caught:
            self.prepare()
        assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Store.open(tmp_path / "cache") as store:
        yield Place(tmp_path, store)


def test_crates_of_a_lock_are_fetched_once_with_the_token_and_laid_out_for_cargo(
    place: Place, registry: Registry
) -> None:
    place.lock()
    place.lock(path="fuzz/Cargo.lock", checksum="")  # further down: not the source's own
    place.configure(registry.address)
    cargo = place.prepare()
    assert cargo is not None
    config = tomllib.loads(cargo.config)["source"]
    [bind] = cargo.binds
    assert config["crates-io"]["replace-with"] == "crates-io-crates"
    assert config["crates-io-crates"]["directory"] == f"{bind.target}/0"
    crate = bind.source / "0/Serde_x-1.0.0+a"
    assert (crate / "src/lib.rs").read_text() == "// x"
    assert json.loads((crate / ".cargo-checksum.json").read_text()) == {"files": {}, "package": CHECKSUM}
    assert len(registry.asked) == 2
    assert place.prepare() == cargo
    assert len(registry.asked) == 2
    kept = [path.read_bytes() for path in place.store.root.rglob("*") if path.is_file()]
    assert [data for data in kept if TOKEN.encode() in data] == []


def test_crates_of_an_own_registry_are_found_under_its_address_and_name(place: Place, registry: Registry) -> None:
    place.lock(source=f"sparse+{registry.address}/index/")
    place.configure(registry.address)
    cargo = place.prepare()
    assert cargo is not None
    config = tomllib.loads(cargo.config)
    assert config["registries"]["near"]["index"] == f"sparse+{registry.address}/index/"
    assert config["source"]["registry-0"]["registry"] == f"sparse+{registry.address}/index/"


def test_local_registry_needs_no_network_and_lock_of_format_1_is_read(place: Place) -> None:
    place.lock(checksum="")
    with (place.source / "Cargo.lock").open("a") as lock:
        lock.write(f'[metadata]\n"checksum Serde_x 1.0.0+a ({DEFAULT})" = "{CHECKSUM}"\n')
    (place.directory / "crates").mkdir()
    (place.directory / "crates/Serde_x-1.0.0+a.crate").write_bytes(CRATE)
    (place.home / "config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "near"\n[source.near]\nlocal-registry = "{place.directory}/crates"\n'
    )
    assert place.prepare() is not None


def test_debians_crates_take_the_place_of_a_lock(place: Place) -> None:
    place.lock()
    (place.root / "usr/share/cargo/registry").mkdir(parents=True)
    cargo = place.prepare()
    assert cargo is not None
    assert (cargo.removed, cargo.binds) == (("Cargo.lock",), ())
    assert tomllib.loads(cargo.config)["source"]["crates-io-crates"] == {"directory": "/usr/share/cargo/registry"}


def test_vendored_crates_are_left_to_the_source(place: Place) -> None:
    place.lock(source="git+https://git.example.com/x#0123")
    place.write(".cargo/config.toml", '[source.crates-io]\nreplace-with = "vendored"\n')
    assert place.prepare() == Cargo("")


def test_nothing_is_prepared_without_cargo_and_nothing_fetched_without_a_lock(place: Place) -> None:
    assert place.prepare() == Cargo("")
    (place.root / "usr/bin/cargo").unlink()
    place.lock()
    assert place.prepare() is None


def test_unreachable_registry_is_an_error_with_the_ways_out(place: Place) -> None:
    place.lock()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # does not listen, and nobody else can
        place.configure(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        error = place.refused()
    assert isinstance(error, UnavailableError)
    assert error.message.startswith("building own: fetching its crates: reading the index of crates http://127.0.0.1")
    assert error.hint is not None
    assert f"{place.home}/config.toml" in error.hint
    assert "librust-NAME-dev" in error.hint


def test_refused_token_is_an_error(place: Place, registry: Registry) -> None:
    place.lock()
    place.configure(registry.address, token="wrong")
    assert isinstance(place.refused(), DeniedError)


def test_crate_with_other_bytes_is_refused(place: Place, registry: Registry) -> None:
    place.lock()
    place.configure(registry.address)
    registry.crate = archive("Serde_x-1.0.0")
    error = place.refused()
    assert isinstance(error, CorruptError)
    assert "Serde_x 1.0.0+a" in error.message


@pytest.mark.parametrize(
    ("source", "checksum", "kind", "said"),
    [
        ("git+https://u:hush-hush@git.example.com/x#0123", "", MissingError, "Serde_x comes from git"),
        (DEFAULT, "", CorruptError, "is not pinned"),
        (DEFAULT, "../x", CorruptError, "is not pinned"),
        ("registry+file:///etc", CHECKSUM, CorruptError, "is not pinned"),
    ],
)
def test_lock_that_cannot_be_fetched_is_an_error(
    place: Place, source: str, checksum: str, kind: type[GrockerError], said: str
) -> None:
    place.lock(source=source, checksum=checksum)
    error = place.refused()
    assert isinstance(error, kind)
    assert said in error.message


def test_malformed_lock_is_an_error(place: Place) -> None:
    place.write("Cargo.lock", "[[package")
    assert place.refused().message.startswith("building own: Cargo.lock: ")


@pytest.mark.parametrize(
    ("said", "explained"),
    [
        (
            "error: no matching package named `pyo3` found\nlocation searched: x",
            "cargo found no matching crate 'pyo3'",
        ),
        (
            'error: failed to select a version for the requirement `pyo3 = "^9"`',
            "cargo found no matching crate 'pyo3'",
        ),
        ("error: package `x v1` cannot be built because it requires rustc 1.99 or newer", "it needs a newer Rust"),
        ("error[E0308]: mismatched types", None),
    ],
)
def test_failure_of_cargo_for_want_of_a_crate_or_a_newer_rust_is_explained(said: str, explained: str | None) -> None:
    error = explain_failure(f"first\n{said}\nlast", "own")
    assert (error is None) == (explained is None)
    if error is not None:
        assert explained is not None
        assert error.message.splitlines()[0].startswith(f"building own: {explained}")
        assert error.message.splitlines()[1].strip() == said.splitlines()[0]
