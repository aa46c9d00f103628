from __future__ import annotations

import os
from pathlib import Path

import pytest

from grocker.runner.contract.names import ContainerLayout
from grocker.runner.prepare.writable_paths import create_targets


@pytest.fixture
def layout(tmp_path: Path) -> ContainerLayout:
    (tmp_path / "media").mkdir()
    (tmp_path / "initial" / "data" / "deep").mkdir(parents=True)
    (tmp_path / "initial" / "data" / "deep" / "seed.txt").write_text("seed")
    (tmp_path / "initial" / "x.db").write_text("rows")
    return ContainerLayout(media=str(tmp_path / "media"), initial=str(tmp_path / "initial"))


def _content(directory: str) -> dict[str, str | None]:
    """The text of each file, None for an empty directory."""
    found: dict[str, str | None] = {}
    for parent, inner, names in os.walk(directory):
        place = Path(parent)
        found.update({str((place / name).relative_to(directory)): (place / name).read_text() for name in names})
        if not inner and not names and parent != directory:
            found[str(place.relative_to(directory))] = None
    return found


def test_targets_are_created_with_their_initial_content(layout: ContainerLayout) -> None:
    create_targets(("data/", "var/uploads/", "x.db", "var/y.db"), layout)
    assert _content(layout.media) == {"data/deep/seed.txt": "seed", "var/uploads": None, "x.db": "rows"}


def test_what_is_there_is_left_alone(layout: ContainerLayout) -> None:
    media = Path(layout.media)
    (media / "data").mkdir()
    (media / "x.db").symlink_to("elsewhere")
    create_targets(("data/", "x.db"), layout)
    assert sorted(os.listdir(media)) == ["data", "x.db"]
    assert (os.listdir(media / "data"), os.readlink(media / "x.db")) == ([], "elsewhere")


def test_second_container_keeps_what_the_first_has_created_meanwhile(
    layout: ContainerLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def late(source: str, target: str) -> None:
        os.mkdir(target)
        Path(target, "mine.txt").write_text("written")
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    create_targets(("data/",), layout)
    assert _content(layout.media) == {"data/mine.txt": "written"}


def test_target_that_cannot_be_created_gets_a_warning(
    layout: ContainerLayout, capfd: pytest.CaptureFixture[str]
) -> None:
    Path(layout.media, "var").write_text("a file")
    create_targets(("var/data/", "data/"), layout)
    assert capfd.readouterr().err == (
        f"grocker: warning: {layout.media}/var/data: cannot be created: File exists; "
        "the application cannot write to var/data\n"
    )
    assert Path(layout.media, "data", "deep", "seed.txt").exists()
