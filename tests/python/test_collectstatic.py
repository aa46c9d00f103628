"""What a run of collectstatic left is copied without links."""

from __future__ import annotations

from pathlib import Path

from grocker.python.collectstatic import copy_collected, list_files


def test_only_regular_files_are_copied_when_a_sandbox_left_others(tmp_path: Path) -> None:
    left, copy = tmp_path / "left", tmp_path / "copy"
    (left / "admin" / "css").mkdir(parents=True)
    copy.mkdir()
    (left / "admin" / "css" / "base.css").write_text("a")
    (left / "admin" / "css" / "base.css").chmod(0)
    (left / "b.js").write_text("b")
    (left / "passwd").symlink_to("/etc/passwd")
    (left / "etc").symlink_to("/etc")
    copy_collected(left, copy)
    assert list(list_files(copy)) == ["b.js", "admin/css/base.css"]
    assert (copy / "admin" / "css" / "base.css").read_text() == "a"
