"""Where the files of packages lie in an image."""

from __future__ import annotations

import pytest

from grocker.debian.paths import is_left_out, merge_usr


@pytest.mark.parametrize(
    ("shipped", "place"),
    [
        ("bin/sh", "usr/bin/sh"),
        ("lib64", "usr/lib64"),
        ("usr/bin/sh", "usr/bin/sh"),
        ("library/x", "library/x"),
        ("var/run/hello", "run/hello"),
        ("var/run", "run"),
        ("var/lock", "run/lock"),
        ("var/lock/x/y", "run/lock/x/y"),
        ("var/running", "var/running"),
        ("var", "var"),
        ("", ""),
    ],
)
def test_path_is_merged_when_debian_has_a_link_there(shipped: str, place: str) -> None:
    assert merge_usr(shipped) == place
    assert merge_usr(place) == place


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("usr/share/man", True),
        ("usr/share/man/man1/x.1.gz", True),
        ("usr/share/manual", False),
        ("usr/share/doc/x", False),
        ("usr/share/doc/x/copyright", False),
        ("usr/share/doc/x/changelog.gz", True),
        ("usr/share/doc/x/copyright/more", True),
        ("usr/share/locale", False),
        ("usr/share/locale/locale.alias", False),
        ("usr/share/locale/fr/LC_MESSAGES/x.mo", True),
        ("usr/lib/locale/C.utf8/LC_CTYPE", False),
        ("usr/share/zoneinfo/UTC", False),
    ],
)
def test_path_is_left_out_when_an_image_does_without(path: str, answer: bool) -> None:
    assert is_left_out(path) is answer
