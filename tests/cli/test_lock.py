"""What ``grocker lock`` says of versions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from grocker.cli.lock import unchanged

OLD = {("django", "linux/amd64"): "5.2", ("django", "linux/arm64"): "5.2", ("libc6", "linux/amd64"): "2.41-1"}
NEW = {**OLD, ("django", "linux/amd64"): "5.2.1", ("django", "linux/arm64"): "5.2.1"}


@pytest.mark.parametrize(
    ("upgraded", "new", "said"),
    [
        (None, OLD, []),
        ((), OLD, ["nothing newer fits"]),
        ((), NEW, []),
        (("Django",), OLD, ["Django: 5.2 is the newest that fits"]),
        (("django", "libc6"), NEW, ["libc6: 2.41-1 is the newest that fits"]),
        (("django",), {**NEW, ("django", "linux/arm64"): "5.2"}, []),
    ],
)
def test_upgrade_says_what_stayed_as_it_was(
    upgraded: Sequence[str] | None, new: dict[tuple[str, str], str], said: list[str]
) -> None:
    assert list(unchanged(upgraded, OLD, new)) == said
