"""CPython 3.14 where no distribution of this host has one, for the runner to be tried under.

The interpreter is that of cx_Freeze's launcher: its ``freeze-core`` wheel has CPython 3.14.2, linked into the program
that starts frozen applications, and its extension modules. What is written in Python is Pyodide's, of the same release:
some modules are changed for browsers (``ssl`` is a stand-in). What the launcher starts is ``__startup__``, here ours.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

VERSION = (3, 14, 2)
FREEZE_CORE = "freeze-core==0.6.0"
"""the last wheel whose C library knows posix_spawn's setsid, as Debian's does"""
PYODIDE = "pyodide@314.0.7"

_STARTUP = '''\
"""What the command line of Python does with -I, -S, -W, -c, -m and a script: the launcher knows nothing of them."""

import sys


def init():
    import _signal

    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_IGN)
    if _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)


def run():
    rest, how, what, flags = sys.argv[1:], "", "", ""
    while rest and rest[0].startswith("-") and not how:
        letters = rest.pop(0)[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            flags += letter
            if letter in "cmWX":
                value, letters = letters or rest.pop(0), ""
                if letter == "W":
                    import warnings

                    warnings.simplefilter(value)
                elif letter != "X":
                    how, what = letter, value
    what = what or rest.pop(0)
    if "I" not in flags:
        import os

        place = {"c": "", "m": os.getcwd()}.get(how, os.path.dirname(os.path.realpath(what)))
        sys.path[:0] = [place, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv[:] = [f"-{how}" if how else what, *rest]
    if how == "m":
        import runpy

        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    main = type(sys)("__main__")
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main
    source, name = what, "<string>"
    if not how:
        main.__file__ = name = what
        with open(what, "rb") as file:
            source = file.read()
    exec(compile(source, name, "exec"), main.__dict__)
'''
_CONFIGURED = {"TZPATH": "/usr/share/zoneinfo", "MULTIARCH": "x86_64-linux-gnu", "Py_GIL_DISABLED": 0}


def assemble(place: Path) -> Path:
    """``bin/python3.14`` below ``place``, which is made. Skips the test where its parts cannot be had."""
    if sys.platform != "linux" or shutil.which("npm") is None:
        pytest.skip("Python 3.14 is put together on Linux, with npm")
    parts = place.with_name(place.name + "-parts")
    parts.mkdir()
    platform = ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.14", "--implementation", "cp"]
    wheel = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--abi", "cp314", *platform]
    _fetch([sys.executable, "-m", "pip", *wheel, "--dest", parts, FREEZE_CORE])
    _fetch(["npm", "pack", "--silent", "--pack-destination", parts, PYODIDE])
    with zipfile.ZipFile(next(parts.glob("*.whl"))) as archive:
        archive.extractall(parts)
    # tarfile's own filters came with 3.11.4, and Debian 12 has 3.11.2
    subprocess.run(["tar", "-xzf", next(parts.glob("*.tgz")), "-C", parts, "--no-same-owner"], check=True)
    locked = json.loads((parts / "package" / "pyodide-lock.json").read_text())
    assert locked["info"]["python"] == ".".join(map(str, VERSION))

    core, library = parts / "freeze_core", place / "bin" / "lib"
    place.mkdir()
    shutil.copytree(parts / "freeze_core.libs", place / "freeze_core.libs")  # the extension modules' RPATH
    shutil.copytree(core / "lib", library)
    with zipfile.ZipFile(parts / "package" / "python_stdlib.zip") as archive:
        archive.extractall(library)
    (library / "__startup__.py").write_text(_STARTUP)
    (library / "_sysconfigdata__linux_x86_64-linux-gnu.py").write_text(f"build_time_vars = {_CONFIGURED!r}\n")
    program = place / "bin" / "python3.14"
    shutil.copy(core / "bases" / "console-cpython-314-x86_64-linux-gnu", program)
    program.chmod(0o755)
    shutil.rmtree(parts)
    return program


def _fetch(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a part of Python 3.14 cannot be had: {(done.stderr.strip() or done.stdout.strip())[-300:]}")
