"""Faults of less weight, each with variants: what is printed, mounted, kept and answered."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from grocker import command
from grocker.cli.run import _links_out
from grocker.digest import of
from grocker.errors import UnavailableError
from grocker.images.engine import Engine
from grocker.python.indexes import hide_credentials
from grocker.store import Store
from grocker.web import redact_url

pytestmark = pytest.mark.slow

SECRET = "hunter2"


@pytest.mark.parametrize(
    "password", [SECRET, f"a/{SECRET}", f"{SECRET}/b/c", f"/{SECRET}", f"a/{SECRET}@b", f"a:{SECRET}"]
)
def test_password_is_not_shown_whatever_is_in_it(password: str) -> None:
    url = f"https://me:{password}@index.example.com:8443/simple/x-1.whl"
    assert SECRET not in redact_url(url)
    assert SECRET not in hide_credentials(f"error: cannot fetch `{url}` now")
    assert "index.example.com" in hide_credentials(f"error: cannot fetch `{url}` now")


@pytest.mark.parametrize("url", ["https://h:8443/a@b/c", "https://h/@scope/x", "https://h/a:b@c"])
def test_address_without_a_password_is_shown_whole(url: str) -> None:
    assert redact_url(url) == url
    assert hide_credentials(url) == url


def test_run_mounts_no_directory_that_leads_out_of_the_project(tmp_path: Path) -> None:
    base, outside = tmp_path / "project", tmp_path / "home"
    for path in (base / "config", base / "inner", outside):
        path.mkdir(parents=True)
    (base / "scripts").symlink_to("inner")
    (base / "media").symlink_to(outside)
    assert _links_out(base) == ["media"]
    (base / "media").unlink()
    (base / "media").symlink_to("..")
    assert _links_out(base) == ["media"]
    (base / "media").unlink()
    (base / "media").symlink_to("/")
    assert _links_out(base) == ["media"]
    linked = tmp_path / "linked"
    linked.symlink_to(base)
    assert _links_out(linked) == ["media"]


@pytest.mark.parametrize("room", ["downloads", "blobs/sha256", "members", "steps"])
@pytest.mark.parametrize("full", [True, False])
def test_directory_in_the_place_of_a_kept_file_is_replaced(tmp_path: Path, room: str, full: bool) -> None:
    data = b"data"
    name = of(data)[7:]
    with Store.open(tmp_path) as store:
        place = store.root / room / (f"{name}.gz" if room == "members" else name)
        place.mkdir()
        if full:
            (place / "x").write_bytes(data)
        if room == "downloads":
            assert store.sound_download(of(data)) is None
            store.keep_download([data], digest=of(data), size=None, what="it")
        elif room == "members":
            with store.new_member(name) as stream:
                stream.write(data)
        elif room == "steps":
            assert store.kept("steps", name) is None
            store.keep("steps", name, data)
        else:
            assert store.sound_blob(of(data)) is None
            store.add_blob(data)
        assert place.is_file()
        assert place.read_bytes().startswith(data)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nX: "])
def test_endless_answer_of_an_engine_is_cut_off(tmp_path: Path, head: bytes) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen()

    def serve() -> None:
        stream, _ = listening.accept()
        with stream:
            try:
                stream.sendall(head)
                for _ in range(200):
                    stream.sendall(bytes(1 << 20))
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    with listening, pytest.raises(UnavailableError):
        Engine(f"unix://{tmp_path}/s").request("GET", "/info", action="testing")


def test_end_of_a_long_output_is_kept() -> None:
    script = "import sys; [sys.stdout.write('x' * 1_000_000) for _ in range(50)]; print('reason')"
    said = command.run(["python3", "-c", script], action="testing", environment={"PATH": os.environ["PATH"]})
    assert len(said.stdout) < 40_000_000
    assert said.stdout.endswith(b"reason\n")
