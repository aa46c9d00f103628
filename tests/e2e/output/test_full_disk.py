"""Outputs on a disk that is full."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import StorageError
from grocker.images.archive import Archive
from grocker.images.layout import Layout
from grocker.images.sink import Sink
from grocker.oci.reference import parse
from grocker.progress import Silent
from tests.support.image import made_image

pytestmark = [pytest.mark.e2e, pytest.mark.root]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("kind", ["layout", "archive"])
def test_output_leaves_nothing_when_the_disk_is_full(small_disk: Path, kind: str) -> None:
    made, blobs = made_image("small", random.Random(1).randbytes(1_000_000).hex(), "small too")
    sink: Sink = Layout(small_disk / "deep" / "layout") if kind == "layout" else Archive(small_disk / "a.tar")
    with pytest.raises(StorageError, match="No space left on device") as caught:
        sink.deliver([made], [parse("polls:1")], blobs, Silent())
    assert caught.value.hint is not None
    assert list(small_disk.iterdir()) == []
