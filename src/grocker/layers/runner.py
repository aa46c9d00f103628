"""The layer of the runner, which starts the image's services."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from grocker.images.file_evidence import file_stat
from grocker.runner.contract import installed_files, names
from grocker.store import Store
from grocker.tar.entry import Entry, File
from grocker.tar.keys import cache_key

_LIBRARY = f"{names.LIBRARY}/{names.PACKAGE}".removeprefix("/")
_PROGRAMS = names.BIN.removeprefix("/")


def entries(python: str = installed_files.PYTHON) -> tuple[Entry, ...]:
    """Return the runner's files, without bytecode; ``python``: the absolute path of the interpreter that runs it."""
    return _files(python)


def digest(store: Store) -> str:
    """Return the digest of everything in the layer, 64 hexadecimal digits; kept as long as no module is written to."""
    stats = [(name, file_stat(path)) for name, path in _modules()]
    key = f"runner-{cache_key(stats)}"  # about files of this machine
    kept = store.kept_as("steps", key, str)
    if kept is None:
        kept = _digest()
        store.keep("steps", key, msgspec.json.encode(kept))
    return kept


def _digest() -> str:
    state = hashlib.sha256()
    for entry in _files():
        assert isinstance(entry.data, bytes)
        state.update(f"{entry.path}\0{len(entry.data)}\0".encode() + entry.data)
    return state.hexdigest()


def _files(python: str = installed_files.PYTHON) -> tuple[File, ...]:
    modules = tuple(File(f"{_LIBRARY}/{name}", data) for name, data in sources())
    texts = sorted(
        (name, text.replace(installed_files.PYTHON, python)) for name, text in installed_files.PROGRAMS.items()
    )
    programs = tuple(File(f"{_PROGRAMS}/{name}", text.encode(), mode=0o755) for name, text in texts)
    return (*modules, *programs)


def sources() -> tuple[tuple[str, bytes], ...]:
    """Return the runner's modules as they are installed with Grocker: name and bytes, sorted."""
    return tuple((name, Path(path).read_bytes()) for name, path in _modules())


def _modules() -> list[tuple[str, str]]:
    package = os.path.dirname(os.path.dirname(installed_files.__file__))
    found = (f"{parent}/{name}" for parent, _, names in os.walk(package) for name in names if name.endswith(".py"))
    return sorted((path.removeprefix(f"{package}/"), path) for path in found)
