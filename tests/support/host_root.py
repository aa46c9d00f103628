"""A small root for sandboxes: a few programs of this host with their libraries."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path


def make_root(directory: Path, programs: Iterable[str]) -> Path:
    """Fill ``directory``, which does not exist yet, with these programs; all users can read it."""
    for name in ("usr/bin", "etc", "tmp", "proc"):
        (directory / name).mkdir(parents=True)
    (directory / "bin").symlink_to("usr/bin")
    for program in programs:
        source = shutil.which(program, path="/usr/bin:/bin")
        assert source is not None
        shutil.copy(source, directory / "usr/bin" / program)
        libraries = subprocess.run(["ldd", source], capture_output=True, text=True, check=True).stdout
        for word in libraries.split():
            if word.startswith("/") and not (directory / word[1:]).exists():
                (directory / word[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(word, directory / word[1:])
    subprocess.run(["chmod", "-R", "a+rX", directory], check=True)
    return directory
