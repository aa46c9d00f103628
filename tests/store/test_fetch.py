"""Files are fetched once, and once more when the disk has spoiled them."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.errors import CorruptError, MissingError
from grocker.progress import Silent
from grocker.store import Store
from grocker.store.fetch import fetch
from grocker.web import Transport

DATA = bytes(range(256)) * 1000
DIGEST = digests.of(DATA)


@contextmanager
def server(body: bytes) -> Iterator[tuple[str, list[str]]]:
    """An address under which ``/file`` has that body, and the requests made of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = self.path == "/file"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            return None

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", asked
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def test_file_is_fetched_once_when_many_ask_for_it(store: Store) -> None:
    with server(DATA) as (address, asked), Transport(environ={}) as transport:

        def ask(_: int) -> bytes:
            path = fetch(
                store, transport, f"{address}/file", digest=DIGEST, size=len(DATA), what="x 1", progress=Silent()
            )
            return path.read_bytes()

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(ask, range(4))) == {DATA}
    assert asked == ["/file"]


def test_file_is_fetched_again_with_a_warning_when_the_kept_one_is_damaged(store: Store) -> None:
    kept = store.keep_download([DATA], digest=DIGEST, size=None, what="x 1")
    kept.write_bytes(DATA[:-1])
    progress = Silent()
    with server(DATA) as (address, asked), Transport(environ={}) as transport:
        path = fetch(store, transport, f"{address}/file", digest=DIGEST, size=None, what="x 1", progress=progress)
    assert path.read_bytes() == DATA
    assert asked == ["/file"]
    assert [message for message, _ in progress.warnings] == ["the cached file of x 1 is damaged; fetching it again"]


def test_file_is_refused_when_it_is_another_than_announced(store: Store) -> None:
    with server(DATA[::-1]) as (address, _), Transport(environ={}) as transport, pytest.raises(CorruptError) as raised:
        fetch(store, transport, f"{address}/file", digest=DIGEST, size=len(DATA), what="x 1", progress=Silent())
    assert "x 1: expected sha256:" in raised.value.message
    assert store.download(DIGEST) is None


def test_file_of_this_host_is_kept_when_it_is_as_announced(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a b.whl"
    path.write_bytes(DATA)
    with Transport(environ={}) as transport:
        found = fetch(store, transport, path.as_uri(), digest=DIGEST, size=None, what="x 1", progress=Silent())
        path.unlink()
        assert found.read_bytes() == DATA


@pytest.mark.parametrize(("data", "words"), [(None, "No such file"), (b"other", "changed since it was resolved")])
def test_file_of_this_host_is_missing_when_it_is_no_more_what_it_was(
    store: Store, tmp_path: Path, data: bytes | None, words: str
) -> None:
    path = tmp_path / "x.whl"
    if data is not None:
        path.write_bytes(data)
    with Transport(environ={}) as transport, pytest.raises(MissingError, match=f"fetching x 1: {path}.*{words}"):
        fetch(store, transport, path.as_uri(), digest=DIGEST, size=len(DATA), what="x 1", progress=Silent())
    assert store.download(DIGEST) is None


def test_file_that_is_gone_says_which_one(store: Store) -> None:
    with server(DATA) as (address, _), Transport(environ={}) as transport, pytest.raises(MissingError) as raised:
        fetch(store, transport, f"{address}/gone", digest=DIGEST, size=len(DATA), what="x 1", progress=Silent())
    assert "fetching x 1" in raised.value.message
