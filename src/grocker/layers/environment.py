"""The layer of the virtual environment's frame (PEP 405) and the lock."""

from __future__ import annotations

from grocker.tar.entry import Directory, Entry, File, Symlink


def entries(python: str, lock_text: str) -> tuple[Entry, ...]:
    """Return the files; ``python`` is the release series, ``3.13``."""
    target = f"/usr/bin/python{python}"
    return (
        File(
            "opt/venv/pyvenv.cfg",
            f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n".encode(),
        ),
        *(Symlink(f"opt/venv/bin/{name}", target) for name in ("python", f"python{python}", "python3")),
        Directory(f"opt/venv/lib/python{python}/site-packages"),
        File("opt/grocker/grocker.lock", lock_text.encode()),
    )
