"""The frame of the virtual environment."""

from __future__ import annotations

from grocker.layers import environment
from grocker.python import InstallScheme, WheelTarget
from grocker.tar.entry import File, Symlink


def test_environment_is_a_virtual_environment_of_the_images_python() -> None:
    entries = {entry.path: entry for entry in environment.entries(InstallScheme("3.13"), "lock\n")}
    python = entries["opt/venv/bin/python"]
    assert isinstance(python, Symlink)
    assert python.target == "/usr/bin/python3.13"
    configuration = entries["opt/venv/pyvenv.cfg"]
    assert isinstance(configuration, File)
    assert configuration.data == b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.13\n"
    assert entries["opt/grocker/grocker.lock"] == File("opt/grocker/grocker.lock", b"lock\n")


def test_environment_shows_what_debian_has_after_its_own_only_on_request() -> None:
    shown = environment.entries(InstallScheme("3.13"), "lock\n", sees_system=True)
    [configuration] = [entry for entry in shown if entry.path == "opt/venv/pyvenv.cfg"]
    assert isinstance(configuration, File)
    assert configuration.data == b"home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.13\n"


def test_environment_belongs_to_a_standalone_interpreter_where_that_lies() -> None:
    scheme = WheelTarget("3.13t", full_version="3.13.18", prefix="opt/python").scheme()
    entries = {entry.path: entry for entry in environment.entries(scheme, "lock\n")}
    python, configuration = entries["opt/venv/bin/python"], entries["opt/venv/pyvenv.cfg"]
    assert isinstance(python, Symlink) and isinstance(configuration, File)
    assert python.target == "/opt/python/bin/python3.13t"
    assert configuration.data == b"home = /opt/python/bin\ninclude-system-site-packages = false\nversion = 3.13\n"
    assert "opt/venv/lib/python3.13t/site-packages" in entries
