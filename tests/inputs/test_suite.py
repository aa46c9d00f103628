"""Which suite fits a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.config.settings import DebianSettings, Settings
from grocker.inputs.origin import Origin
from grocker.inputs.suite import choose_suites
from grocker.progress import Silent


def chosen(directory: Path, settings: Settings | None = None, named: str | None = None) -> tuple[str, list[str]]:
    """The suite to try first, and the warnings."""
    progress = Silent()
    origin = Origin("project", ".", directory)
    found = choose_suites(origin, named, settings or Settings(), None, progress)
    return found[0], [text for text, _ in progress.warnings]


@pytest.mark.parametrize(
    ("files", "suite"),
    [
        ({}, "trixie"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.11"\n'}, "trixie"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.14"\n'}, "forky"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.10,<3.13"\n'}, "bookworm"),
        ({"pyproject.toml": '[project]\nrequires-python = "nonsense"\n'}, "trixie"),
        ({"pyproject.toml": f'[project]\nrequires-python = ">={"9" * 5000}"\n'}, "trixie"),
        ({".python-version": "3.11\n"}, "bookworm"),
        ({".python-version": "3.13.2\n"}, "trixie"),
        ({".python-version": "# ours\ncpython-3.14\n"}, "forky"),
        ({"runtime.txt": "python-3.11.9\n"}, "bookworm"),
        ({".python-version": "pypy-3.11\n"}, "trixie"),
    ],
)
def test_suite_is_the_first_whose_python_fits(tmp_path: Path, files: dict[str, str], suite: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert chosen(tmp_path) == (suite, [])


def test_version_that_no_suite_has_is_told(tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("3.12\n")
    suite, [warning] = chosen(tmp_path)
    assert suite == "trixie"
    assert warning == ".python-version asks for Python 3.12, which no supported Debian suite has; using 3.13"


def test_pin_gives_way_when_requires_python_contradicts_it(tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("3.11\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.13"\n')
    assert chosen(tmp_path)[0] == "trixie"


def test_what_is_named_decides(tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("3.11\n")
    assert chosen(tmp_path, Settings(debian=DebianSettings(suite="forky"))) == ("forky", [])
    assert chosen(tmp_path, named="trixie") == ("trixie", [])


@pytest.mark.parametrize(
    ("files", "suites"),
    [
        ({}, ("trixie", "bookworm")),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.12"\n'}, ("trixie",)),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.14"\n'}, ("forky",)),
        ({".python-version": "3.13\n"}, ("trixie",)),
        ({".python-version": "3.12\n"}, ("trixie", "bookworm")),
    ],
)
def test_other_released_suites_are_tried_unless_the_version_is_pinned(
    tmp_path: Path, files: dict[str, str], suites: tuple[str, ...]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert choose_suites(Origin("project", ".", tmp_path), None, Settings(), None, Silent()) == suites
