"""Second tries: for tests in quarantine alone, and on record."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.support.quarantine import SECOND_TRIES

pytestmark = pytest.mark.slow

_CONFTEST = "from tests.conftest import pytest_configure, pytest_runtest_protocol, pytest_unconfigure\n"
_TEST = """
import pathlib, pytest

pytestmark = pytest.mark.slow

def first_fails(name):
    place = pathlib.Path(__file__).with_name(name)
    if not place.exists():
        place.touch()
        raise OSError("the first try")

@pytest.fixture
def broken():
    first_fails("broken")

@pytest.mark.quarantine(reason="the weather")
def test_call_fails_once(): first_fails("call")

@pytest.mark.quarantine(reason="the weather")
def test_setup_fails_once(broken): pass

@pytest.mark.quarantine(reason="the weather")
def test_fails_twice(): raise OSError("always")

@pytest.mark.quarantine(reason="the weather")
def test_passes(): pass

def test_has_no_mark(): first_fails("none")
"""


def _run(place: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (place / "pytest.ini").write_text("[pytest]\nmarkers =\n  quarantine(reason): x\n")
    (place / "conftest.py").write_text(_CONFTEST)
    (place / "test_it.py").write_text(text)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GROCKER_TEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *arguments],
        env=environ | {"PYTHONPATH": str(ROOT)},
        cwd=place,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_second_try_is_made_and_listed_when_the_test_is_in_quarantine(tmp_path: Path, workers: str) -> None:
    done = _run(tmp_path, _TEST, "--numprocesses", workers)
    assert "2 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "FAILED test_it.py::test_has_no_mark" in done.stdout
    assert "FAILED test_it.py::test_fails_twice" in done.stdout
    expected = {
        "test_it.py::test_call_fails_once: OSError: the first try (in quarantine: the weather)",
        "test_it.py::test_setup_fails_once: OSError: the first try (in quarantine: the weather)",
        "test_it.py::test_fails_twice: OSError: always (in quarantine: the weather)",
    }
    listed = [line.removeprefix("second try: ") for line in done.stdout.splitlines() if line.startswith("second try:")]
    assert set(listed) == expected
    assert {line.partition(" ")[2] for line in (tmp_path / SECOND_TRIES).read_text().splitlines()} == expected


def test_quarantine_is_refused_when_it_has_no_reason(tmp_path: Path) -> None:
    done = _run(tmp_path, "import pytest\n@pytest.mark.quarantine\ndef test_x(): pass\n")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_it.py::test_x: quarantine needs a reason" in done.stdout + done.stderr
