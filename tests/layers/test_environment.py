"""The frame of the virtual environment."""

from __future__ import annotations

from grocker.layers import environment
from grocker.tar.entry import File, Symlink


def test_environment_is_a_virtual_environment_of_the_images_python() -> None:
    entries = {entry.path: entry for entry in environment.entries("3.13", "lock\n")}
    python = entries["opt/venv/bin/python"]
    assert isinstance(python, Symlink)
    assert python.target == "/usr/bin/python3.13"
    configuration = entries["opt/venv/pyvenv.cfg"]
    assert isinstance(configuration, File)
    assert configuration.data == b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.13\n"
    assert entries["opt/grocker/grocker.lock"] == File("opt/grocker/grocker.lock", b"lock\n")
