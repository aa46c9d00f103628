"""An image for another architecture: made of its files alone, with nothing of it executed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import uuid
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from grocker.images.layout import problems
from tests.e2e.contract.engine import Done, Engine
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.e2e, pytest.mark.network]

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


def _is_registered() -> bool:
    """Whether the kernel runs such programs, in containers too (F: the emulator was opened beforehand)."""
    for path in Path("/proc/sys/fs/binfmt_misc").glob("*aarch64*"):
        words = path.read_text().splitlines()
        if "enabled" in words and any(word.startswith("flags:") and "F" in word for word in words):
            return True
    return os.uname().machine == "aarch64"


@pytest.mark.docker
def test_E2_service_answers_when_the_kernel_runs_its_programs() -> None:
    if not _is_registered():
        pytest.skip("no emulator for aarch64 is registered here (binfmt_misc)")
    tag = f"polls-arm64-{uuid.uuid4().hex[:8]}:test"
    subprocess.run(
        [sys.executable, "-m", "grocker", "build", POLLS, "--platform", "linux/arm64", "-o", "docker", "--tag", tag],
        check=True,
        capture_output=True,
    )
    engine = Engine("docker", tag)
    platform = ("--platform", "linux/arm64")
    try:
        assert engine.run("sh", "-c", "uname -m; exit 7", options=platform) == Done(7, "aarch64\n", "")
        with engine.started("start", "www", options=platform) as container:
            limit = time.monotonic() + PATIENCE
            while (found := _status(f"http://{container.address()}:8080/healthz")) != 200:
                assert time.monotonic() < limit, f"{found}\n{container.logs()}"
                time.sleep(0.2)
            assert _status(f"http://{container.address()}:8081/readyz") == 200
            assert container.stop() == 0
    finally:
        engine.command("rmi", "--force", tag)


def _status(url: str) -> int | None:
    try:
        with urlopen(url, timeout=PATIENCE) as answer:
            return int(answer.status)
    except (URLError, OSError):
        return None
