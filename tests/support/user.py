"""Tests of what an ordinary user may not do, also when root runs them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def ordinary_user() -> Iterator[None]:
    """The running user; nobody for as long as the block lasts when that is root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)


@contextmanager
def visible_directory() -> Iterator[Path]:
    """An empty directory that an ordinary user can see; pytest's lie below one that only their owner can."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
