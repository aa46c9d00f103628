"""Parsers of lock files and lists of requirements."""

from __future__ import annotations

import json
from pathlib import Path

from grocker.digest import of
from grocker.errors import GrockerError
from grocker.lock import document
from grocker.lock.values import Base, BuildRequirement, DebianPackage, Interpreter, Lock, PlatformLock, PythonFile
from grocker.python.locks import pdm, pinned, pipfile, poetry, unread
from grocker.python.locks import uv as uv_lock
from grocker.python.project import Project, read_project
from grocker.python.pylock import read_pylock
from grocker.python.requirement_files import parse_requirement_files, read_requirement_files
from grocker.python.resolution import check_lines
from tests.fuzz.python_targets import IMAGE
from tests.fuzz.target import Target, empty_directory, join, parts

PYPROJECT = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["demo[x]>=1.0 ; python_version > '3.8'", "other"]
[project.optional-dependencies]
more = ["third"]
[tool.poetry.dependencies]
python = "^3.11"
demo = { version = "^1", extras = ["x"], optional = true, markers = "os_name == 'posix'" }
plain = "*"
[tool.poetry.extras]
more = ["demo"]
[tool.uv.workspace]
members = ["packages/*"]
"""
_HEX = "0a" * 32
_HASH = "sha256:" + _HEX
_UV_LOCK = f"""\
version = 1
requires-python = ">=3.11"
[[package]]
name = "app"
version = "1.0"
source = {{ editable = "." }}
[package.metadata]
requires-dist = [
  {{ name = "demo", extras = ["x"], specifier = ">=1.0" }},
  {{ name = "other" }},
  {{ name = "third", marker = "extra == 'more'" }},
]
[[package]]
name = "demo"
version = "1.0"
wheels = [{{ url = "https://example.com/demo-1.0-py3-none-any.whl", hash = "{_HASH}", size = 3 }}]
"""
_PYLOCK = f"""\
lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "demo"
version = "1.0"
marker = "python_full_version >= '3.8'"
index = "https://user:secret@example.com/simple"
sdist = {{ name = "demo-1.0.tar.gz", url = "https://example.com/d.tar.gz", hashes = {{ sha256 = "{_HEX}" }} }}
wheels = [
  {{ name = "demo-1.0-py3-none-any.whl", url = "https://e.com/d.whl", size = 3, hashes = {{ sha256 = "{_HEX}" }} }},
]
[[packages]]
name = "one"
archive = {{ url = "https://example.com/one-2.0-py3-none-any.whl", hashes = {{ sha256 = "{_HEX}" }} }}
"""
_VCS = """\
[[packages]]
name = "two"
vcs = { type = "git", url = "https://example.com/x", commit-id = "a" }
"""
_POETRY = f"""\
[[package]]
name = "demo"
version = "1.0"
markers = {{ main = "os_name == 'posix'" }}
files = [{{ file = "demo-1.0-py3-none-any.whl", hash = "{_HASH}" }}]
[[package]]
name = "other"
version = "2.0"
[[package]]
name = "plain"
version = "1!2.0+x"
[[package]]
name = "third"
version = "2.0"
source = {{ type = "git", url = "https://example.com/third", resolved_reference = "{_HEX[:40]}" }}
[[package]]
name = "old"
version = "2.0"
[metadata]
lock-version = "2.1"
[metadata.files]
old = [{{ file = "old-2.0.tar.gz", hash = "{_HASH}" }}]
"""
_PDM = _POETRY.replace("markers = { main = \"os_name == 'posix'\" }", 'marker = "os_name == \'posix\'"\nextras = ["x"]')
_PIPFILE = json.dumps(
    {
        "_meta": {"hash": {"sha256": "0"}, "pipfile-spec": 6},
        "default": {
            "demo": {"version": "==1.0", "hashes": [_HASH], "extras": ["x"], "markers": "os_name == 'posix'"},
            "other": {"hashes": [], "index": "pypi", "version": "==2.0"},
        },
        "develop": {},
    }
)
_REQUIREMENTS = "-r other.txt\n--constraint=c.txt\ndemo[x]==1.0 \\\n    --hash=sha256:0 # why\nplain\n-e .\n"


_PACKAGE = DebianPackage("libc6", "2.41-1", "amd64", "trixie", "pool/main/g/glibc/libc6.deb", 5, of(b"libc6"))
_WHEELS = (
    PythonFile("django", "5.2", "django-5.2-py3-none-any.whl", "default", 5, of(b"django")),
    PythonFile(
        "demo", "1.0", "demo-1.0-py3-none-any.whl", "sdist", 5, of(b"demo"), of(b"x"), ("flit==1 ; os_name == 'x'",)
    ),
)
_LOCK = Lock(
    inputs={"requirements": "django", "a b": ""},
    base=Base("debian", "trixie"),
    interpreter=Interpreter("cpython", "3.13", "debian:trixie"),
    platforms=tuple(PlatformLock(f"linux/{name}", (_PACKAGE,), _WHEELS) for name in ("amd64", "arm64")),
    build=(BuildRequirement("flit", "1", "os_name == 'x'", ("sha256:" + "0a" * 32,)),),
)


def _read_own(data: bytes) -> None:
    found = document.parse(data.decode("utf-8", "replace"), place="grocker.lock")
    again = document.parse(document.render(found), place="grocker.lock")
    assert again.inputs == found.inputs
    assert (again.base, again.interpreter, set(again.build)) == (found.base, found.interpreter, set(found.build))
    assert document.render(again) == document.render(found)


def _project(pyproject: bytes) -> tuple[Path, Project]:
    place = empty_directory("project")
    (place / "pyproject.toml").write_bytes(pyproject)
    return place, read_project(place)


def _read_uv(data: bytes) -> None:
    place, project = _project(PYPROJECT.encode())
    (place / "uv.lock").write_bytes(data)
    uv_lock._check_fresh(place / "uv.lock", project, ())


def _check_lines(declared: list[str], packages: tuple[pinned.LockedPackage, ...]) -> None:
    """They become lines of uv's input: each is one line, and no option."""
    versions = pinned.find_versions(packages)
    pinned.check_declared(declared, versions, IMAGE, lock=Path("x.lock"), remedy="x lock")
    lines = (*pinned.root_names(declared), *pinned.constraints(packages, IMAGE))
    check_lines(lines)
    for line in lines:
        assert len(line.splitlines()) == 1, line
        assert not line.startswith("-"), line


def _read_poetry(data: bytes) -> None:
    locked, pyproject = parts(data, 2)
    place, project = _project(pyproject)
    (place / "poetry.lock").write_bytes(locked)
    document = pinned.load_document(place / "pyproject.toml")
    _check_lines(*poetry.read_pins(place / "poetry.lock", project, document, ["more"]))


def _read_pdm(data: bytes) -> None:
    place, project = _project(PYPROJECT.encode())
    (place / "pdm.lock").write_bytes(data)
    _check_lines(*pdm.read_pins(place / "pdm.lock", project, ["more"]))


def _read_pipfile(data: bytes) -> None:
    place = empty_directory("project")
    (place / "Pipfile.lock").write_bytes(data)
    document = pipfile.read_document(place / "Pipfile.lock")
    _check_lines(*pipfile.read_pins(document, place / "Pipfile.lock"))


def _read_requirements(data: bytes) -> None:
    place = empty_directory("project")
    own, other = parts(data, 2)
    (place / "requirements.txt").write_bytes(own)
    (place / "other.txt").write_bytes(other)
    (place / "c.txt").write_bytes(b"")
    file = place / "requirements.txt"
    try:
        parse_requirement_files([file], read_requirement_files([file]), place, {"TOKEN": "secret"})
    finally:
        unread.check_unread(place, ["demo>=1"])


_TOML = (
    b"\n[[package]]\n",
    b"\nname = ",
    b"\nversion = ",
    b"{ a = 1 }",
    b"[1, 'a']",
    b'"""',
    b"1979-05-27",
    b"true",
    b"'",
)

TARGETS = (
    Target(
        "grocker-lock",
        _read_own,
        (GrockerError,),
        lambda: [document.render(_LOCK).encode()],
        (*_TOML, b"\n[[debian]]\n", b"\n[[python]]\n", b"\n[[build]]\n", b"platforms = ", b"linux/amd64"),
        2_750,
    ),
    Target("uv-lock", _read_uv, (GrockerError,), lambda: [_UV_LOCK.encode()], _TOML, 1_500),
    Target(
        "pylock",
        lambda data: read_pylock(data, IMAGE),
        (GrockerError,),
        lambda: [_PYLOCK.encode(), (_PYLOCK + _VCS).encode()],
        (*_TOML, b"file:///", b"wheels = ", b"http://[", b"-py3-none-any.whl", b" and ", b" in "),
        3_750,
    ),
    Target("poetry-lock", _read_poetry, (GrockerError,), lambda: [join(_POETRY, PYPROJECT)], _TOML, 1_550),
    Target("pdm-lock", _read_pdm, (GrockerError,), lambda: [_PDM.encode()], _TOML, 1_200),
    Target(
        "pipfile-lock", _read_pipfile, (GrockerError,), lambda: [_PIPFILE.encode()], (b"{}", b"[]", b"\\n-e "), 5_000
    ),
    Target(
        "requirement-files",
        _read_requirements,
        (GrockerError,),
        lambda: [join(_REQUIREMENTS, "demo==1.0\n"), join("-r other.txt\nplain\n", "x==1\n")],
        (b"\n-r ", b"\n-c ", b"==", b"demo", b"requirements.txt", b"other.txt", b"://"),
        1_850,
    ),
)
