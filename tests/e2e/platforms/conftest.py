"""An emulator for the other architecture."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.platforms.architectures import ARCHITECTURES, Architecture

MISC = Path("/proc/sys/fs/binfmt_misc")
FOREIGN: Architecture = next(one for one in ARCHITECTURES.values() if one.machine != os.uname().machine)
_NAME = "grocker-test"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


@pytest.fixture
def emulator() -> Iterator[None]:
    """Let the kernel run programs of FOREIGN, in sandboxes and containers too; it does for the whole machine."""
    emulator = shutil.which(f"qemu-{FOREIGN.machine}-static")
    if emulator is None:
        pytest.skip("qemu-user-static is not installed here")
    if not (MISC / "register").exists():
        done = subprocess.run(["mount", "-t", "binfmt_misc", "none", MISC], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"binfmt_misc cannot be mounted here: {done.stderr.strip()}")
    for left in MISC.glob(f"{_NAME}-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            left.write_text("-1")
    name = f"{_NAME}-{os.getpid()}"
    magic = rf"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x{FOREIGN.elf_machine:02x}\x00"
    (MISC / "register").write_text(f":{name}:M::{magic}:{_MASK}:{emulator}:F")
    yield
    (MISC / name).write_text("-1")
