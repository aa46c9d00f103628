"""The files that a requirement file consists of."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.python.requirement_files import read_requirement_files


def test_included_files_count(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "main.txt").write_text(
        "-r more/base.txt\n  --constraint=limits.txt  # why\nflask\n-r https://a/b.txt\n"
    )
    (tmp_path / "more" / "base.txt").write_text("-c ../limits.txt\n")
    (tmp_path / "limits.txt").write_text("flask<4\n")
    found = read_requirement_files([tmp_path / "main.txt"])
    assert {path.resolve().relative_to(tmp_path).as_posix() for path in found} == {
        "main.txt",
        "more/base.txt",
        "limits.txt",
    }


def test_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    (tmp_path / "b.txt").write_text("-r a.txt\n")
    with pytest.raises(SettingsError, match=r"circular include: b\.txt includes a\.txt, which includes b\.txt"):
        read_requirement_files([tmp_path / "a.txt"])


def test_missing_file_is_named_with_the_file_that_includes_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r gone.txt\n")
    with pytest.raises(SettingsError, match=r"gone\.txt \(included by a\.txt\): No such file"):
        read_requirement_files([tmp_path / "a.txt"])
