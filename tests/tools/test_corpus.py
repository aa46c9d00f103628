"""How the corpus reads its lists, clones, judges logs and writes its page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.architecture.source import ROOT
from tools.corpus import report
from tools.corpus.__main__ import PAGE, RELEASES
from tools.corpus.applications import Application, CloneError, clone, read_list
from tools.corpus.trial import Outcome, Result, first_error, judge_log, last_line

TRACEBACK = """Traceback (most recent call last):
  File "/opt/app/shop.py", line 1, in <module>
KeyError: 'SECRET_KEY'
grocker: www: given up
"""


def test_releases_of_the_project_are_thirty_and_complete() -> None:
    found = read_list(RELEASES)
    assert len(found) == len({one.name for one in found}) == 30
    assert all(one.release and (one.get or one.says) for one in found)


@pytest.mark.parametrize(
    "text",
    [
        'name = "a"',
        'name = "a"\nrelease = "a"\nneeds = ["b"]',
        'name = "a"\nrelease = "a"\nrepository = "b"\ncommit = "c"',
        "nam = 1",
    ],
)
def test_list_is_refused_when_an_application_comes_from_nowhere_or_twice(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.toml").write_text(f"[[application]]\n{text}\n")
    with pytest.raises(msgspec.ValidationError):
        read_list(tmp_path / "list.toml")


def test_repository_is_cloned_from_the_mirror_at_its_commit(tmp_path: Path) -> None:
    held = tmp_path / "mirror" / "people" / "shop.git"
    (held / "backend").mkdir(parents=True)
    (held / "backend" / "app.py").write_text("first")

    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        return subprocess.run(["git", *who, *words], cwd=held, capture_output=True, text=True, check=True).stdout

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    commit = git("rev-parse", "HEAD").strip()
    (held / "backend" / "app.py").write_text("second")
    git("commit", "--quiet", "-am", "second")
    one = Application(name="shop", repository="https://git.example.com/people/shop", commit=commit, directory="backend")
    assert (clone(one, tmp_path / "a", tmp_path / "mirror") / "app.py").read_text() == "first"
    with pytest.raises(CloneError, match="git fetch"):
        clone(msgspec.structs.replace(one, commit="0" * 40), tmp_path / "b", tmp_path / "mirror")


@pytest.mark.parametrize(
    ("log", "outcome", "line"),
    [
        (TRACEBACK, Outcome.CONFIGURATION, "KeyError: 'SECRET_KEY'"),
        ("ModuleNotFoundError: No module named 'x'\nbye\n", Outcome.DIES, "ModuleNotFoundError: No module named 'x'"),
        ("django.core.exceptions.ImproperlyConfigured: set A", Outcome.CONFIGURATION, None),
        ("could not connect: Connection refused", Outcome.CONFIGURATION, None),
        ("grocker: www: given up", Outcome.DIES, "grocker: www: given up"),
        ("", Outcome.DIES, "no output"),
    ],
)
def test_log_tells_what_is_missing(log: str, outcome: Outcome, line: str | None) -> None:
    assert judge_log(log) == (outcome, line or log)
    assert last_line(log) == (line or log)


def test_first_error_is_told_from_warnings() -> None:
    assert first_error("warning: a\nerror: no wheel\nhint: b\n") == "error: no wheel"


def test_page_gets_the_results_between_its_marks() -> None:
    one = Application(name="shop", release="shop")
    two = Application(name="site", repository="a/b", commit="5f1d7a84db0d2aa9d3ad")
    pairs = [(one, Result("shop", Outcome.ANSWERS)), (two, Result("site", Outcome.NO_IMAGE, "66: a | b"))]
    page = report.insert(PAGE.read_text("utf-8"), report.render({"All": pairs}, {"date": "2026-11-28"}))
    assert "2 tried: 1 answers, 1 no image." in page
    assert "| site at 5f1d7a84d | no image | 66: a \\| b |" in page
    assert page.count("<!-- results") == page.count("<!-- end of results -->") == 1
    assert ROOT in PAGE.parents
