"""Which suite and which Python fit a project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.config.settings import DebianSettings, Settings
from grocker.context import Context
from grocker.errors import GrockerError, MissingError, SettingsError
from grocker.inputs.origin import Origin
from grocker.inputs.suite import Choice, Choices, Standalone, choose_suites
from grocker.lock.values import Base, Interpreter, Lock, PlatformLock, StandalonePython
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport

VERSIONS = ("3.15.2", "3.14.10", "3.13.18t", "3.13.18", "3.12.16", "3.12.4", "3.11.18", "3.10.22", "3.9.25")
STANDALONE = Standalone(lambda: VERSIONS)


@contextmanager
def _context(directory: Path, progress: Silent) -> Iterator[Context]:
    with Store.open(directory / "cache") as store, Transport(environ={}) as transport:
        yield Context(store, transport, progress, {}, 0)


def chosen(
    directory: Path, settings: Settings | None = None, named: str | None = None, standalone: Standalone = STANDALONE
) -> tuple[Choices, list[str]]:
    """What to try, and the warnings."""
    progress = Silent()
    origin = Origin("project", ".", directory)
    with _context(directory, progress) as context:
        found = choose_suites(origin, named, settings or Settings(), None, context, standalone)
    return found, [text for text, _ in progress.warnings]


def unasked() -> tuple[str, ...]:
    raise AssertionError("uv is asked although Debian has what fits")


@pytest.mark.parametrize(
    ("files", "suite"),
    [
        ({}, "trixie"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.11"\n'}, "trixie"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.14"\n'}, "forky"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.10,<3.13"\n'}, "bookworm"),
        ({"pyproject.toml": '[project]\nrequires-python = "nonsense"\n'}, "trixie"),
        ({"pyproject.toml": f'[project]\nrequires-python = ">={"9" * 5000}"\n'}, "trixie"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.11"\n'}, "bookworm"),
        ({"uv.lock": 'version = 1\nrequires-python = "==3.11.*"\n'}, "bookworm"),
        ({".python-version": "3.11\n"}, "bookworm"),
        ({".python-version": "3.13.2\n"}, "trixie"),
        ({".python-version": "# ours\ncpython-3.14\n"}, "forky"),
        ({"runtime.txt": "python-3.11.9\n"}, "bookworm"),
        ({"Pipfile": '[requires]\npython_version = "3.11"\n'}, "bookworm"),
        ({".python-version": "pypy-3.11\n"}, "trixie"),
    ],
)
def test_debian_is_preferred_and_uv_not_asked_when_a_suite_fits(
    tmp_path: Path, files: dict[str, str], suite: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found, warnings = chosen(tmp_path, standalone=Standalone(unasked))
    assert (found.best[0].suite, found.best[0].standalone, warnings) == (suite, "", [])


@pytest.mark.parametrize(
    ("files", "version", "why"),
    [
        ({".python-version": "3.12\n"}, "3.12.16", ".python-version asks for Python 3.12, which no Debian suite has"),
        ({".python-version": "3.12.1\n"}, "3.12.16", ".python-version asks for Python 3.12, which no Debian suite has"),
        (
            {".python-version": "3.13t\n"},
            "3.13.18t",
            ".python-version asks for Python 3.13t, which no Debian suite has",
        ),
        ({"runtime.txt": "python-3.9.7\n"}, "3.9.25", "runtime.txt asks for Python 3.9, which no Debian suite has"),
        (
            {"Pipfile": '[requires]\npython_full_version = "3.10.2"\n'},
            "3.10.22",
            "Pipfile asks for Python 3.10, which no Debian suite has",
        ),
        (
            {"pyproject.toml": '[project]\nrequires-python = "==3.12.*"\n'},
            "3.12.16",
            "no Debian Python satisfies requires-python",
        ),
        (
            {"pyproject.toml": '[project]\nrequires-python = "==3.12.4"\n'},
            "3.12.4",
            "no Debian Python satisfies requires-python",
        ),
        (
            {".python-version": "3.12", "pyproject.toml": '[project]\nrequires-python = ">=3.11,<3.12.9"\n'},
            "3.12.4",
            ".python-version asks for Python 3.12, which no Debian suite has",
        ),
    ],
)
def test_standalone_python_is_chosen_when_no_suite_has_the_one(
    tmp_path: Path, files: dict[str, str], version: str, why: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found, warnings = chosen(tmp_path)
    assert (found.best[0], warnings) == (Choice("trixie", version, why), [])
    assert found.best[0].python == version.rpartition(".")[0] + ("t" if version.endswith("t") else "")


@pytest.mark.parametrize(
    ("files", "suite", "warning"),
    [
        (
            {".python-version": "3.7\n"},
            "bookworm",
            ".python-version asks for Python 3.7, which is not available, from Debian or standalone; using 3.11",
        ),
        (
            {".python-version": "3.11\n", "pyproject.toml": '[project]\nrequires-python = ">=3.13"\n'},
            "trixie",
            ".python-version asks for Python 3.11, which requires-python (>=3.13) excludes; using 3.13",
        ),
    ],
)
def test_pin_that_cannot_be_followed_is_told(tmp_path: Path, files: dict[str, str], suite: str, warning: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found, warnings = chosen(tmp_path)
    assert (found.best[0].suite, found.best[0].standalone, warnings) == (suite, "", [warning])


def test_pin_gives_way_with_a_warning_when_uv_is_told_to_use_the_systems(tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("3.12\n")
    refused = Standalone(unasked, "UV_PYTHON_PREFERENCE=only-system")
    found, warnings = chosen(tmp_path, standalone=refused)
    assert (found.best[0].suite, found.more) == ("trixie", None)
    [warning] = warnings
    assert warning.endswith(
        "no Debian suite has, and UV_PYTHON_PREFERENCE=only-system excludes standalone Pythons; using 3.13"
    )


@pytest.mark.parametrize(
    ("python", "choice"),
    [
        ("3.11", Choice("bookworm", why="[tool.grocker] python asks for Python 3.11")),
        ("3.12", Choice("trixie", "3.12.16", "[tool.grocker] python asks for Python 3.12")),
        ("3.13t", Choice("trixie", "3.13.18t", "[tool.grocker] python asks for Python 3.13t")),
    ],
)
def test_setting_decides(tmp_path: Path, python: str, choice: Choice) -> None:
    (tmp_path / ".python-version").write_text("3.9\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.13"\n')
    assert chosen(tmp_path, Settings(python=python)) == (Choices((choice,)), [])


def test_setting_that_nobody_has_is_one_error_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no Python 3\.7 is available, from Debian or standalone") as raised:
        chosen(tmp_path, Settings(python="3.7"))
    assert raised.value.hint == (
        "choose a Python from Debian: 3.13 (trixie), 3.14 (forky), 3.11 (bookworm); or a standalone one:"
        " 3.15, 3.14, 3.13t, 3.13, 3.12, 3.11, 3.10, 3.9"
    )
    refused = Standalone(unasked, "UV_NO_MANAGED_PYTHON=1")
    with pytest.raises(SettingsError, match="UV_NO_MANAGED_PYTHON=1 excludes standalone Pythons"):
        chosen(tmp_path, Settings(python="3.12"), standalone=refused)


def test_range_that_no_python_fits_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = "<3"\n')
    with pytest.raises(GrockerError, match=r"^no Python satisfies requires-python \(<3\)$") as raised:
        chosen(tmp_path)
    assert "3.12" in (raised.value.hint or "")
    refused = Standalone(unasked, "debian.python-packages")
    with pytest.raises(SettingsError) as refusal:
        chosen(tmp_path, standalone=refused)
    assert refusal.value.message == (
        "no Debian Python satisfies requires-python (<3), and debian.python-packages excludes standalone Pythons"
    )


def test_suite_that_is_named_decides_and_its_python_with_it(tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("3.12\n")
    named = Settings(debian=DebianSettings(suite="forky"))
    assert chosen(tmp_path, named) == (Choices((Choice("forky", why="debian.suite"),)), [])
    assert chosen(tmp_path, named="bookworm") == (Choices((Choice("bookworm", why="--debian bookworm"),)), [])


def test_what_ranges_come_to_is_read_anew_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    for requires, suite in (
        (">=3.11", "trixie"),
        (">=3.11", "trixie"),
        (">=3.11,<3.13", "bookworm"),
        (">=3.11", "trixie"),
    ):
        file.write_text(f'[project]\nrequires-python = "{requires}"\n')
        assert chosen(tmp_path)[0].best[0].suite == suite


def test_suite_that_is_named_gets_the_python_that_is_named(tmp_path: Path) -> None:
    found, _ = chosen(tmp_path, Settings(python="3.12"), named="bookworm")
    assert found.best == (Choice("bookworm", "3.12.16", "[tool.grocker] python; --debian bookworm"),)
    found, _ = chosen(tmp_path, Settings(python="3.11"), named="bookworm", standalone=Standalone(unasked))
    assert found.best == (Choice("bookworm", why="--debian bookworm"),)


def test_lock_keeps_its_python_until_it_is_renewed_or_another_is_named(tmp_path: Path) -> None:
    file = StandalonePython("3.12.4", "20240713", "cpython-3.12.4.tar.gz", 1, digests.of(b""))
    platform = PlatformLock("linux/amd64", (), (), file)
    lock = Lock({}, Base("debian", "trixie"), Interpreter("cpython", "3.12", "standalone"), (platform,), ())
    origin = Origin("project", ".", tmp_path)

    def version(settings: Settings, *, refresh: bool = False) -> str:
        with _context(tmp_path, Silent()) as context:
            found = choose_suites(origin, None, settings, lock, context, STANDALONE, refresh=refresh)
        return found.best[0].standalone

    assert version(Settings()) == "3.12.4"
    assert version(Settings(python="3.12")) == "3.12.4"
    assert version(Settings(python="3.12", debian=DebianSettings(suite="trixie"))) == "3.12.4"
    assert version(Settings(debian=DebianSettings(suite="trixie"))) == ""
    assert version(Settings(), refresh=True) == "3.12.16"
    assert version(Settings(debian=DebianSettings(python_packages=True))) == ""
    assert version(Settings(python="3.10")) == "3.10.22"


@pytest.mark.parametrize(
    ("files", "suites", "more"),
    [
        ({}, ("trixie", "bookworm"), ["3.12.16", "3.10.22", "3.9.25"]),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.12"\n'}, ("trixie",), ["3.12.16"]),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.13"\n'}, ("trixie",), []),
        ({".python-version": "3.13\n"}, ("trixie",), None),
        ({".python-version": "3.7\n"}, ("bookworm", "trixie"), ["3.10.22", "3.9.25"]),
    ],
)
def test_others_are_tried_for_wheels_unless_the_version_is_pinned(
    tmp_path: Path, files: dict[str, str], suites: tuple[str, ...], more: list[str] | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found, _ = chosen(tmp_path)
    assert tuple(one.suite for one in found.best) == suites
    assert (None if found.more is None else [one.standalone for one in found.more()]) == more


@pytest.mark.parametrize(
    ("image", "suite", "why"),
    [
        ("FROM python:3.11-slim", "bookworm", "the base image in the Dockerfile has Python 3.11"),
        ("FROM python:3.13.5", "trixie", "the base image in the Dockerfile has Python 3.13"),
        ("FROM python:3.9", "bookworm", "the base image in the Dockerfile has Python 3.9; using Debian's 3.11"),
        ("FROM python:3.12", "trixie", "the base image in the Dockerfile has Python 3.12; using Debian's 3.13"),
        ("FROM python:3.14", "trixie", "the base image in the Dockerfile has Python 3.14; using Debian's 3.13"),
        ("FROM python:3.11 AS b\nFROM debian", "trixie", "the default"),
        ("FROM python:3", "trixie", "the default"),
        ("FROM $A", "trixie", "the default"),
    ],
)
def test_image_of_the_dockerfile_is_preferred_when_nothing_else_is_said(
    tmp_path: Path, image: str, suite: str, why: str
) -> None:
    (tmp_path / "Dockerfile").write_text(f"{image}\nCOPY . .\n")
    found, warnings = chosen(tmp_path, standalone=Standalone(unasked))
    assert found.best[0] == Choice(suite, why=why)
    assert {one.suite for one in found.best} == {"trixie", "bookworm"}
    assert found.more is not None
    assert warnings == []


def test_image_of_the_dockerfile_does_not_count_against_files_that_say_more(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.13"\n')
    assert chosen(tmp_path)[0].best == (Choice("trixie", why="allowed by requires-python"),)
    (tmp_path / ".python-version").write_text("3.13\n")
    assert chosen(tmp_path)[0].best == (Choice("trixie", why=".python-version asks for Python 3.13"),)
