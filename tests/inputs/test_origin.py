"""What the user's word names."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import GrockerError
from grocker.inputs.origin import parse_origin


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "polls").mkdir()
    (tmp_path / "file.txt").write_text("")
    (tmp_path / "app-1.0-py3-none-any.whl").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind", "extras", "name"),
    [
        (".", "project", (), ""),
        ("./polls", "project", (), ""),
        ("polls", "project", (), ""),
        ("polls[b,A_a]", "project", ("a-a", "b"), ""),
        ("app-1.0-py3-none-any.whl", "wheel", (), ""),
        ("./app-1.0-py3-none-any.whl[x]", "wheel", ("x",), ""),
        ("Django", "release", (), "django"),
        ("Flask_Login[a]==1.2", "release", ("a",), "flask-login"),
        ("app>=1,<2", "release", (), "app"),
        ("app @ https://example.invalid/app-1.0-py3-none-any.whl", "release", (), "app"),
    ],
)
def test_origin_is_told_from_the_text(place: Path, text: str, kind: str, extras: tuple[str, ...], name: str) -> None:
    origin = parse_origin(text, place)
    assert (origin.kind, origin.extras, origin.name) == (kind, extras, name)


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("./nowhere", 66, "./nowhere does not exist"),
        ("./file.txt", 66, "is a file, but neither a wheel nor a script"),
        ("none-1.0-py3-none-any.whl", 66, "wheel none-1.0-py3-none-any.whl not found"),
        ("app==", 64, "is not a directory, a script, a wheel or a release"),
        ("app; python_version > '3'", 64, "markers are not supported"),
        ("./polls[]", 64, "invalid extras"),
        ("./polls[a b]", 64, "invalid extras"),
        ("-x", 64, "is not a directory, a script"),
        ("", 64, "is not a directory, a script"),
    ],
)
def test_origin_is_refused_with_a_remedy_when_it_names_nothing(place: Path, text: str, status: int, words: str) -> None:
    with pytest.raises(GrockerError) as caught:
        parse_origin(text, place)
    assert caught.value.status == status
    assert words in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", ["pols", "pollss", "polsl"])
def test_word_that_resembles_a_directory_is_no_release(place: Path, text: str) -> None:
    with pytest.raises(GrockerError, match=f"directory {text} not found") as caught:
        parse_origin(text, place)
    assert caught.value.status == 66
    assert str(caught.value.hint).startswith("did you mean polls?")


def test_script_is_a_file_and_a_word_that_resembles_one_is_no_release(place: Path) -> None:
    (place / "daily.py").touch()
    assert parse_origin("daily.py", place).kind == "script"
    with pytest.raises(GrockerError, match=r"script dayly\.py not found") as caught:
        parse_origin("dayly.py", place)
    assert str(caught.value.hint).startswith("did you mean daily.py?")


@pytest.mark.parametrize("text", ["pols>=0", "pols[x]", "django", "file", "app", "discord.py"])
def test_release_is_one_when_it_is_no_mere_word_or_resembles_nothing(place: Path, text: str) -> None:
    assert parse_origin(text, place).kind == "release"
