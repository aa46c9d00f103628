"""Small archives that unpack to much: what they take of the memory stays below 450 MB."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow
MOST = 450 << 20
"""bytes"""
MB = 1 << 20

READ_WHEEL = """
import sys
from pathlib import Path
from grocker.layers.libraries import read_libraries
from grocker.python import InstallScheme, read_wheel
from grocker.store import Store
from grocker.tar.member import make_member, read_parts
wheel = read_wheel(Path(sys.argv[1]), InstallScheme("3.13"))
with Store.open(Path(sys.argv[1]).parent / "cache") as store:
    read_libraries(wheel.entries, store.scratch)
    member = make_member(store, "key", wheel.entries, subject="x", epoch=0)
    print(sum(len(plain) for _, plain in read_parts(store, member)))
"""


def peak(program: str, *arguments: str) -> tuple[int, subprocess.CompletedProcess[str]]:
    """The largest resident size, in bytes, of a Python that runs ``program``."""
    # Not getrusage: its maximum includes what the parent had when it forked.
    status = "[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0]"
    watched = f"{program}\nprint('PEAK', {status})\n"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", watched, *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE)
    found = [line for line in done.stdout.splitlines() if line.startswith("PEAK ")]
    return (int(found[0].split()[1]) << 10 if found else 0), done


def wheel(
    directory: Path, names: list[str], size: int, beginning: bytes = b"", method: int = zipfile.ZIP_DEFLATED
) -> Path:
    """A wheel of files of ``size`` bytes, most of which are zeros: as much as the limit of the ratio allows."""
    path = directory / "bomb-1.0-py3-none-any.whl"
    record = []
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:

        def write(name: str, data: bytes) -> None:
            archive.writestr(name, data)
            hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record.append(f"{name},sha256={hashed},{len(data)}")

        for name in names:
            write(name, beginning + os.urandom(size // 90) + bytes(size - size // 90 - len(beginning)))
        write("bomb-1.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: bomb\nVersion: 1.0\n")
        write("bomb-1.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("bomb-1.0.dist-info/RECORD", "\n".join([*record, "bomb-1.0.dist-info/RECORD,,"]) + "\n")
    return path


@pytest.mark.parametrize(
    ("names", "size", "beginning"),
    [
        pytest.param([f"bomb/{n}.txt" for n in range(40)], 8 * MB, b"", id="files that are just small enough"),
        pytest.param([f"bomb/{n}.txt" for n in range(3000)], MB // 10, b"", id="thousands of small files"),
        pytest.param([f"bomb/{n}.bin" for n in range(7)], 50 * MB, b"", id="large files"),
        pytest.param(["bomb/x.so"], 350 * MB, b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\x3e\0", id="a large library"),
        pytest.param([f"bomb/{n}.py" for n in range(40)], 8 * MB, b"#", id="sources"),
        pytest.param([f"bomb-1.0.data/scripts/{n}" for n in range(40)], 8 * MB, b"#!python\n", id="scripts"),
    ],
)
def test_wheel_takes_little_memory(tmp_path: Path, names: list[str], size: int, beginning: bytes) -> None:
    path = wheel(tmp_path, names, size, beginning)
    used, done = peak(READ_WHEEL, str(path))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > len(names) * size
    assert used < MOST, f"{used / MB:.0f} MB for {path.stat().st_size / MB:.0f} MB"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_wheel_takes_little_memory_whatever_its_compression(tmp_path: Path, method: int) -> None:
    path = wheel(tmp_path, ["bomb/x.bin"], 100 * MB, b"", method)
    used, done = peak(READ_WHEEL, str(path))
    assert done.returncode == 0, done.stderr
    assert used < 250 * MB, "the file, and not more than as much again"
