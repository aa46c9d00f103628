"""Shared libraries that wheels take for granted."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from grocker.layers import libraries
from grocker.layers.libraries import Libraries
from grocker.tar.entry import File


def test_libraries_are_read_from_shared_objects_alone(tmp_path: Path) -> None:
    entries = [File("opt/venv/lib/a.py", b"import b"), File("opt/venv/lib/broken.so", b"\x7fELF")]
    assert libraries.read_libraries(entries, lambda: nullcontext(tmp_path)) == Libraries((), ())


def test_missing_names_what_neither_a_wheel_nor_a_package_has() -> None:
    wheels = {
        "gdal 3": Libraries(("libc.so.6", "libgdal-1a2b.so.36", "libGL.so.1"), ("libgdal-1a2b.so.36", "_gdal.so")),
        "other 1": Libraries(("libc.so.6", "libgdal-1a2b.so.36"), ("_other.so",)),
    }
    assert libraries.find_missing(wheels, lambda: {"libc.so.6"}) == {"gdal 3": ("libGL.so.1",)}
