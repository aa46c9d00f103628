"""An image for another architecture: made of its files alone, with nothing of it executed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from grocker.output.layout import problems

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.timeout(300)]

POLLS = Path(__file__).parents[3] / "examples" / "polls"
AARCH64 = 183
"""e_machine (ELF for the Arm 64-bit Architecture)"""


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("arm64") / "layout"
    done = subprocess.run(
        [sys.executable, "-m", "grocker", "build", str(POLLS), "--platform", "linux/arm64", "-o", f"oci:{path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return path


def blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / "sha256" / digest.partition(":")[2]).read_bytes()


def document(layout: Path, digest: str) -> Any:
    return json.loads(blob(layout, digest))


def manifest(layout: Path) -> Any:
    index = json.loads((layout / "index.json").read_bytes())
    return document(layout, index["manifests"][0]["digest"])


def plain(data: bytes) -> bytes:
    """A series of gzip members, undone."""
    parts = []
    while data:
        one = zlib.decompressobj(wbits=31)
        parts.append(one.decompress(data))
        data = one.unused_data
    return b"".join(parts)


def archives(layout: Path) -> Iterator[tarfile.TarFile]:
    for layer in manifest(layout)["layers"]:
        with tarfile.open(fileobj=BytesIO(plain(blob(layout, layer["digest"])))) as archive:
            yield archive


def test_layout_is_valid_and_says_what_it_is_for(layout: Path) -> None:
    assert problems(layout) == ()
    config = document(layout, manifest(layout)["config"]["digest"])
    assert (config["os"], config["architecture"]) == ("linux", "arm64")


def test_every_elf_file_is_aarch64(layout: Path) -> None:
    machines: dict[str, int] = {}
    for archive in archives(layout):
        for member in archive:
            if member.isreg():
                stream = archive.extractfile(member)
                assert stream is not None
                head = stream.read(20)
                if head[:4] == b"\x7fELF":
                    machines[member.name] = int.from_bytes(head[18:20], "little")
    assert len(machines) > 100
    assert {name for name, machine in machines.items() if machine != AARCH64} == set()


def test_image_runs_when_the_host_can_emulate_it(layout: Path, tmp_path: Path) -> None:
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if emulator is None or os.uname().machine == "aarch64":
        pytest.skip("qemu-user is not installed here")
    root = tmp_path / "root"
    root.mkdir()
    for layer in manifest(layout)["layers"]:  # tarfile's own filters came with 3.11.4, and Debian 12 has 3.11.2
        subprocess.run(["tar", "-xzC", str(root)], input=blob(layout, layer["digest"]), check=True)
    done = subprocess.run(
        [
            *(emulator, "-L", str(root), "-E", f"PYTHONHOME={root}/usr"),
            *("-E", f"PYTHONPATH={root}/opt/venv/lib/python3.13/site-packages", str(root / "usr/bin/python3.13"), "-c"),
            "import django, platform, ssl, sqlite3; print(platform.machine(), django.__name__)",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("aarch64 django\n", 0), done.stderr
