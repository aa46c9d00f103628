"""The layer of the runner, which starts the image's services."""

from __future__ import annotations

import hashlib
from pathlib import Path

from grocker.runner.contract import installed_files, names
from grocker.tar.entry import Entry, File

_LIBRARY = f"{names.LIBRARY}/{names.PACKAGE}".removeprefix("/")
_PROGRAMS = names.BIN.removeprefix("/")


def entries(python: str = installed_files.PYTHON) -> tuple[Entry, ...]:
    """Return the runner's files, without bytecode; ``python``: the absolute path of the interpreter that runs it."""
    return _files(python)


def digest() -> str:
    """Return the digest of everything in the layer, 64 hexadecimal digits."""
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
    package = Path(installed_files.__file__).parent.parent
    return tuple(sorted((f.relative_to(package).as_posix(), f.read_bytes()) for f in package.rglob("*.py")))
