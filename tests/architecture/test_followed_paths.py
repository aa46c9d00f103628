"""A build, and a start of a service, enter the files in the order of the documentation, which says what comes again."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from grocker.runner.contract.codec import encode
from grocker.runner.contract.spec import Service, Spec
from tests.architecture.source import PACKAGE, ROOT
from tests.support.followed import Followed
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.wheels import make_project
from tests.support.world import world

_ROOMS = ("cli", "inputs", "resolve", "plan", "layers", "execute", "builder", "images", "context.py")
_SERVING = frozenset({"base/value", "base/failure", "contract/names"})
"""files of the runner that the table leaves out"""
_PROJECT = """
dynamic = ["dependencies", "scripts"]

[tool.grocker.services.worker]
command = ["demo-admin"]
"""
_SCRIPTS = "[console_scripts]\ndemo-admin = demo:main\n"
_FOLLOWING = f"""
import sys
if "tests.support.made_up" in sys.orig_argv:
    from tests.support.followed import follow
    follow({str(PACKAGE)!r}, {_ROOMS!r}, LOG)
"""
_STARTING = """
import sys
from functools import partial
sys.path[:0] = [ROOT, ROOT + "/src"]
from grocker.runner import main
from grocker.runner.contract.names import ContainerLayout
from tests.support.followed import follow
main._refuse_root = lambda command: None  # the tests may be root
main.IMAGE_JSON, main.SCRATCH = PLACE + "/image.json", PLACE + "/scratch"
main.ContainerLayout = partial(
    ContainerLayout,
    config=PLACE + "/config",
    media=PLACE,
    base_settings=PLACE + "/base.ini",
    application_port=PORTS[0],
    status_port=PORTS[1],
)
follow(ROOT + "/src/grocker/runner", ROOMS, PLACE + "/log")
sys.exit(main.main(["run", "start", "www"], set()))
"""


@dataclass(frozen=True)
class _Row:
    """A row of a table: files in their order, and those that it says are entered again."""

    files: list[str]
    again: list[str]


def _rows(page: str, heading: str, pattern: str) -> list[_Row]:
    """The rows of the table below ``heading``: step, files, what happens, entered again.

    ``pattern``: of a file between backquotes. A cell about entering again that names no file is about all of its row.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines()
    found = []
    for line in [one for one in lines if one.startswith("| ")][2:]:
        step, files, happens, again = (cell.strip() for cell in line.strip("|").split("|"))
        named = re.findall(f"`({pattern})`", f"{files} {happens}")
        # A row without a number happens in another thread.
        found.append(_Row(named if step else [], re.findall(f"`({pattern})`", again) or (named if again else [])))
    return found


def _build_rows() -> list[_Row]:
    return _rows("docs/explanation/architecture.md", "Follow a build", r"[a-z_]+(?:/[a-z_]+)*\.py")


def _start_rows() -> list[_Row]:
    return _rows("docs/explanation/the-runner.md", "The way of `start www`", r"main|[a-z_]+/[a-z_]+")


def _check(followed: Followed, rows: list[_Row]) -> None:
    assert _astray(followed.entered, [file for row in rows for file in row.files]) == [], "name it in the page's table"
    explained = {file for row in rows for file in row.again}
    assert {file: how for file, how in followed.again.items() if file not in explained} == {}, "say in the table why"


def _astray(entered: list[str], listed: list[str]) -> list[str]:
    """The entered files that are not listed behind the one before, each with that one."""
    astray, position, before = [], 0, "the beginning"
    for file in entered:
        if file in listed[position:]:
            position, before = listed.index(file, position), file
        else:
            astray.append(f"{file} after {before}")
    return astray


def test_file_is_astray_when_it_is_listed_earlier_or_not_at_all() -> None:
    assert _astray(["a", "c", "d"], ["a", "b", "c", "b", "d"]) == []
    assert _astray(["c", "a", "d", "e"], ["a", "b", "c", "d"]) == ["a after c", "e after d"]


def test_files_of_the_tables_exist() -> None:
    for row in _build_rows():
        assert [file for file in (*row.files, *row.again) if not (PACKAGE / file).exists()] == []
    for row in _start_rows():
        assert [file for file in (*row.files, *row.again) if not (PACKAGE / "runner" / f"{file}.py").exists()] == []


@pytest.mark.slow
def test_build_enters_files_in_the_order_of_the_page(tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "sitecustomize.py").write_text(_FOLLOWING.replace("LOG", repr(str(log))))
    with world(tmp_path / "world") as made:
        files: dict[str, str | bytes] = {"demo/__init__.py": "def main(): ...\n"}
        make_project(made.project, files, pyproject=_PROJECT, entry_points=_SCRIPTS)
        made.environ["PYTHONPATH"] = f"{tmp_path / 'start'}:{ROOT / 'src'}:{ROOT}"
        outcome = made.run(["build", "PROJECT", "--output", "oci:OUT"])
    assert outcome.status == 0, outcome.stderr
    _check(Followed(log), _build_rows())


@pytest.mark.slow
def test_start_enters_files_in_the_order_of_the_page(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    command = ("python3", "-m", "http.server", "--bind", "127.0.0.1", str(ports[0]))
    spec = Spec(name="demo", version="1", namespace="DEMO", grocker="9", services={"www": Service(command=command)})
    (tmp_path / "image.json").write_bytes(encode(spec))
    (tmp_path / "base.ini").write_text("")
    (tmp_path / "config").mkdir()
    rooms = [path.name for path in (PACKAGE / "runner").iterdir()]
    names = {"PLACE": str(tmp_path), "PORTS": ports, "ROOT": str(ROOT), "ROOMS": rooms}
    text = "".join(f"{name} = {value!r}\n" for name, value in names.items()) + _STARTING
    with subprocess.Popen([sys.executable, "-c", text], stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_for(f"http://127.0.0.1:{ports[0]}/", process)
            _wait_for(f"http://127.0.0.1:{ports[1]}/", process)
        finally:
            process.terminate()
        _, talk = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 143), talk
    _check(Followed(tmp_path / "log", suffix=".py", without=_SERVING), _start_rows())


def _wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                answer.read()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
