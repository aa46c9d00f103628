"""Which paths an entry may have."""

from __future__ import annotations

import pytest

from grocker.tar.entry import parents, path_problem


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "leaves the image's root"),
        ("../etc", "leaves the image's root"),
        ("usr/../../etc", "leaves the image's root"),
        ("..", "leaves the image's root"),
        ("", "is not a normalised path"),
        (".", "is not a normalised path"),
        ("./usr", "is not a normalised path"),
        ("usr//bin", "is not a normalised path"),
        ("usr/", "is not a normalised path"),
        ("usr\0", "is not a normalised path"),
        ("usr/.wh.bin", "whiteout"),
        (".wh..wh..opq", "whiteout"),
        ("a/" + "m" * 256, "longer than 255 bytes"),
        ("a/" + "\u00fc" * 128 + "/b", "longer than 255 bytes"),
        ("\udcff" * 256, "longer than 255 bytes"),
    ],
)
def test_path_is_wrong_when_it_leaves_the_root_or_is_no_plain_name(path: str, reason: str) -> None:
    assert reason in (path_problem(path) or "")


@pytest.mark.parametrize(
    "path", ["usr", "usr/bin/sh", "..a/b..", "a/.b", " ", "é", "usr/x.wh.y", "m" * 255, "ü" * 127, "m/" * 300 + "m"]
)
def test_path_is_right_when_it_is_plain(path: str) -> None:
    assert path_problem(path) is None


def test_parents_are_named_from_the_nearest() -> None:
    assert list(parents("a/b/c")) == ["a/b", "a"]
    assert list(parents("a")) == []
