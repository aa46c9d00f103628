from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.python.sources import DirectorySource, GitSource, Sdist, WheelAddress
from grocker.python.uv_sources import check, find_sources

MARKERS = {"sys_platform": "linux"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('{ path = "../lib", editable = true }', DirectorySource(Path("PLACE/../lib"), "my-lib")),
        ('{ path = "x-1.0-py3-none-any.whl" }', WheelAddress("file://PLACE/x-1.0-py3-none-any.whl", "my-lib")),
        (
            '{ git = "https://example.com/lib", tag = "v1", subdirectory = "a/b" }',
            GitSource("https://example.com/lib", "v1", "a/b", "my-lib"),
        ),
        (
            '{ url = "https://example.com/lib-1.tar.gz" }',
            Sdist("my-lib", "", "lib-1.tar.gz", "https://example.com/lib-1.tar.gz", None, None, is_addressed=True),
        ),
    ],
)
def test_sources_replace_the_index(tmp_path: Path, source: str, found: object) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.uv.sources]\nMy_Lib = {source}\n")
    got = find_sources(["six", "my.lib"], tmp_path, {}, MARKERS)
    assert repr(got).replace(str(tmp_path), "PLACE") == repr({"my-lib": found})
    assert find_sources(["my-lib"], tmp_path, {"UV_NO_SOURCES": "1"}, MARKERS) == {}
    with pytest.raises(SettingsError, match="the source of my-lib"):
        check(["my.lib"], tmp_path, {}, MARKERS)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("{ workspace = true }", "workspace"),
        ('[{ index = "theirs", marker = "sys_platform == \'linux\'" }]', "index"),
    ],
)
def test_sources_that_only_a_lock_can_follow_are_refused(tmp_path: Path, source: str, kind: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.uv.sources]\nMy_Lib = {source}\n")
    with pytest.raises(SettingsError, match=f"the source of my-lib \\({kind}\\)") as caught:
        find_sources(["my.lib"], tmp_path, {}, MARKERS)
    assert caught.value.hint is not None and "UV_NO_SOURCES=1" in caught.value.hint


def test_sources_are_not_asked_for_when_their_marker_is_for_another_platform(tmp_path: Path) -> None:
    source = """[{ path = "x", marker = "sys_platform == 'win32'" }]"""
    (tmp_path / "pyproject.toml").write_text(f"[tool.uv.sources]\nlib = {source}\n")
    check(["lib"], tmp_path, {}, MARKERS)


def test_sources_of_the_workspace_hold_for_its_members(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.uv.sources]\nlib = { workspace = true }\n'
    )
    for name in ("packages/member", "packages/lib", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "pyproject.toml").write_text(f'[project]\nname = "{name[9:]}"\n')
    found = find_sources(["lib"], tmp_path / "packages/member", {}, MARKERS)
    assert found == {"lib": DirectorySource(tmp_path / "packages/lib", "lib")}
    check(["lib"], tmp_path / "other", {}, MARKERS)


@pytest.mark.parametrize(
    "text", ["[tool.uv]\nsources = 3\n", "[tool.uv.sources]\nlib = 3\n", "[tool]\nuv = 1\n", "\xff"]
)
def test_sources_that_are_malformed_are_for_uv_to_tell(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, "latin-1")
    check(["lib"], tmp_path, {}, MARKERS)


@pytest.mark.parametrize("pattern", ["/packages/*", "**packages", "["])
def test_members_that_are_no_pattern_are_for_uv_to_tell(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.uv.workspace]\nmembers = ["{pattern}"]\n[tool.uv.sources]\nlib = {{ workspace = true }}\n'
    )
    (tmp_path / "member").mkdir()
    check(["lib"], tmp_path / "member", {}, MARKERS)
