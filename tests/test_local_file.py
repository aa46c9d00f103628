"""Reading a file that somebody else has put there ends, and takes no more than its limit."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from grocker import local_file


def test_regular_file_is_read_whole_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    (tmp_path / "link").symlink_to("file")
    assert local_file.read(tmp_path / "link") == b"x" * 3_000_000
    assert local_file.read(tmp_path / "file", most=3_000_000) == b"x" * 3_000_000


def test_text_is_utf_8(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xc3\xa9")
    assert local_file.read_text(tmp_path / "file") == "é"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "endless device", "directory", "too large", "missing"])
def test_anything_else_is_an_error_with_its_reason_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path, reason = tmp_path / "file", "not a regular file"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
        reason = "No such device or address"
    elif kind == "device":
        path.symlink_to("/dev/null")
    elif kind == "endless device":
        path.symlink_to("/dev/zero")
    elif kind == "directory":
        path.mkdir()
        reason = "Is a directory"
    elif kind == "too large":
        path.write_bytes(b"x" * 101)
        reason = "larger than 100 bytes"
    else:
        reason = "No such file or directory"
    with pytest.raises(OSError, match="no file can have this name"):
        local_file.read(f"{path}\0")
    with pytest.raises(OSError, match=reason) as caught:
        local_file.read(path, most=100)
    assert (caught.value.strerror, caught.value.filename) == (reason, str(path)) or kind == "missing"
