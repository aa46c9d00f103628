"""The generated pages of commands and decisions."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from grocker.cli.commands import COMMANDS, load
from tools import commands, decisions


def test_page_has_every_command_and_option() -> None:
    page = commands.page()
    for name in COMMANDS:
        command = load(name)
        section = page.partition(f"\n## grocker {name}\n")[2].partition("\n## ")[0]
        assert f"$ grocker {name}" in section
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        assert [flag for option in options for flag in option.opts if f"`{flag}" not in section] == []


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("", "accepted"),
        ("Superseded by [80](0080-x.md).", "superseded by [80](0080-x.md)"),
        ("Amended by [80](0080-x.md) and [81](0081-y.md).", "amended by [80](0080-x.md) and [81](0081-y.md)"),
    ],
)
def test_status_of_a_note_is_what_its_line_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, status: str
) -> None:
    (tmp_path / "0007-title.md").write_text(f"# 7. Keep it short\n\n{line}\n\n**Context.** None.\n")
    monkeypatch.setattr(decisions, "FOLDER", tmp_path)
    assert [found[1:] for found in decisions.notes()] == [(7, "Keep it short", status)]


def test_note_without_a_title_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0007-title.md").write_text("Keep it short\n")
    monkeypatch.setattr(decisions, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"0007-title\.md: begin it with '# NUMBER\. TITLE'"):
        list(decisions.notes())


def test_numbers_of_notes_are_those_of_their_files() -> None:
    assert [number for _, number, _, _ in decisions.notes()] == [int(path.name[:4]) for path, *_ in decisions.notes()]
