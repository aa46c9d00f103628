"""The contents of a shared cache."""

from __future__ import annotations

import gzip

import pytest

from grocker import digest as digests
from grocker.errors import CorruptError
from grocker.store.snapshot import DAYS, LayerPiece, SharedFile, SharedResult, Snapshot, decode, encode, merge

ONE, OTHER = digests.of(b"one"), digests.of(b"other")
FULL = Snapshot(
    {"steps/k": SharedResult(7, b"\x00text")}, {ONE: SharedFile(7, 3, "type")}, {"m": LayerPiece(ONE, 1, 2)}, {"t": ONE}
)


def test_snapshot_is_the_same_after_a_journey() -> None:
    assert decode(encode(FULL)) == FULL
    assert encode(decode(encode(FULL))) == encode(FULL)


@pytest.mark.parametrize(
    "data",
    [b"", b"text", encode(FULL)[:-9], gzip.compress(b"[1, 2]"), gzip.compress(b"\xc1")],
    ids=["empty", "text", "truncated", "another document", "no document"],
)
def test_malformed_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptError, match="its index is"):
        decode(data)


def test_merge_keeps_what_both_have_and_drops_what_no_build_used() -> None:
    own = Snapshot(
        {"steps/a": SharedResult(100, b"own")}, {ONE: SharedFile(100, 3, "type")}, {"m": LayerPiece(ONE, 0, 3)}
    )
    other = Snapshot(
        {"steps/b": SharedResult(99, b"other"), "steps/old": SharedResult(100 - DAYS - 1, b"old")},
        {OTHER: SharedFile(100 - DAYS - 1, 5, "type")},
        {"n": LayerPiece(OTHER, 0, 5)},
        {"t": OTHER, "u": ONE},
    )
    merged = merge(own, other, made=(), today=100)
    assert set(merged.results) == {"steps/a", "steps/b"}
    assert (set(merged.files), set(merged.members), set(merged.trees)) == ({ONE}, {"m"}, {"u"})


def test_merge_prefers_what_this_build_made_and_else_what_is_there() -> None:
    own = Snapshot({"steps/answer": SharedResult(100, b"mine"), "steps/kept": SharedResult(100, b"older")})
    other = Snapshot({"steps/answer": SharedResult(99, b"theirs"), "steps/kept": SharedResult(99, b"newer")})
    merged = merge(own, other, made={"steps/answer"}, today=100)
    assert merged.results == {"steps/answer": SharedResult(100, b"mine"), "steps/kept": SharedResult(100, b"newer")}
