"""The layer of the virtual environment's frame (PEP 405) and the lock."""

from __future__ import annotations

from grocker.runner.contract import names
from grocker.tar.entry import Directory, Entry, File, Symlink

_VENV = names.VENV.removeprefix("/")


def entries(python: str, lock_text: str) -> tuple[Entry, ...]:
    """Return the files; ``python`` is the release series, ``3.13``."""
    target = f"/usr/bin/python{python}"
    return (
        File(
            f"{_VENV}/pyvenv.cfg",
            f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n".encode(),
        ),
        *(Symlink(f"{_VENV}/bin/{name}", target) for name in ("python", f"python{python}", "python3")),
        Directory(f"{_VENV}/lib/python{python}/site-packages"),
        File(names.LOCK.removeprefix("/"), lock_text.encode()),
    )
