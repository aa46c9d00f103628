"""What a sandbox would show, where none is at hand."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from grocker.sandbox.sandbox import Bind


def show_binds(binds: Sequence[Bind], root: Path) -> Path:
    """Copy what binds show to the directory ``root``, and return it; a later one covers an earlier one."""
    for bind in binds:
        place = root / bind.target.lstrip("/")
        if bind.source.is_dir():
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(bind.source, place, symlinks=True)
        else:
            shutil.copy(bind.source, place)
    return root
