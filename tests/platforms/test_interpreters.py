"""Where interpreters come from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grocker.platforms.interpreters import DEBIAN, OLDEST, STANDALONE, program_arguments, release_of, series_of
from grocker.platforms.suites import SUITES
from grocker.platforms.target import select_target


@pytest.mark.parametrize(
    ("version", "series", "release"),
    [("3.12.16", "3.12", (3, 12)), ("3.13.18t", "3.13t", (3, 13)), ("3.9.25", "3.9", (3, 9))],
)
def test_version_belongs_to_a_series(version: str, series: str, release: tuple[int, int]) -> None:
    assert (series_of(version), release_of(series)) == (series, release)


@pytest.mark.parametrize("text", ["3.12", "3.12.1rc1", "2.7.18", "3.12.1 "])
def test_what_is_no_version_has_no_series(text: str) -> None:
    with pytest.raises(ValueError, match="not a version of CPython"):
        series_of(text)


def test_origins_have_places_of_their_own() -> None:
    assert DEBIAN.prefix == "usr"
    assert STANDALONE.prefix == "opt/python"
    assert min(map(release_of, STANDALONE.series)) == OLDEST


def test_target_has_the_interpreter_of_its_suite_or_a_standalone_one() -> None:
    own = select_target("trixie", "linux/amd64")
    assert (own.python, own.origin, own.interpreter_packages) == ("3.13", DEBIAN, SUITES["trixie"].interpreter)
    assert own.header_packages == ("python3-dev",)
    other = select_target("trixie", "linux/arm64", "3.13.18t")
    assert (other.python, other.origin, other.platform) == ("3.13t", STANDALONE, "linux/arm64")
    assert (other.interpreter_packages, other.header_packages) == (("libcrypt1",), ())


@pytest.mark.parametrize("release", [(3, 9), (3, 11)])
def test_program_is_run_without_its_working_directory_on_the_path(tmp_path: Path, release: tuple[int, int]) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    program = '"""A text."""\nfrom __future__ import annotations\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n'
    done = subprocess.run(
        [sys.executable, *program_arguments(program, release), "x"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, '["x"]\n')
