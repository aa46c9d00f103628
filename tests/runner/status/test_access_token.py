from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.status import access_token as status_token


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_token_is_the_file_s_content_without_blanks(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  s3same\n")
    assert status_token.read_token({"GROCKER_STATUS_TOKEN_FILE": str(tmp_path / "token")}) == b"s3same"


@pytest.mark.parametrize("environ", [{}, {"GROCKER_STATUS_TOKEN_FILE": ""}])
def test_there_is_no_token_when_no_file_is_named(environ: dict[str, str]) -> None:
    assert status_token.read_token(environ) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"two words", "not a valid token"),
        (b"\xff\xfe", "not a valid token"),
        (b"x" * 5000, "not a valid token"),
    ],
)
def test_H4_token_file_is_refused_with_one_line_that_names_it(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Failure) as raised:
        status_token.read_token({"GROCKER_STATUS_TOKEN_FILE": str(path)})
    assert raised.value.status == 78
    assert raised.value.message.startswith(f"GROCKER_STATUS_TOKEN_FILE: {path}: {why}")
    assert "two words" not in raised.value.message


def test_H4_token_file_is_refused_when_it_is_a_directory_or_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(Failure) as raised:
            status_token.read_token({"GROCKER_STATUS_TOKEN_FILE": str(path)})
        assert raised.value.status == 78


@pytest.mark.parametrize(
    ("authorization", "fits"),
    [
        ("Bearer s3same", True),
        ("bearer  s3same", True),
        (_basic("anyone:s3same"), True),
        (_basic(":s3same"), True),
        ("basic " + _basic(":s3same")[6:], True),
        ("", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("Bearer s3sam", False),
        ("Bearer s3same2", False),
        ("Bearer \xff", False),
        ("Bearer \u2603", False),
        ("Digest s3same", False),
        ("s3same", False),
        (_basic("s3same"), False),
        (_basic("s3same:"), False),
        (_basic("a:b:s3same"), False),
        ("Basic !!!", False),
        ("Basic a", False),
        ("Basic \xff", False),
    ],
)
def test_H4_token_opens_as_bearer_and_as_basic_s_password(authorization: str, fits: bool) -> None:
    assert status_token.is_valid(b"s3same", authorization) is fits
