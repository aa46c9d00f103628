"""Frames of Zstandard: the same bytes on every host, and damage that is noticed."""

from __future__ import annotations

import hashlib
import io
import random

import pytest
import zstandard

from grocker import zstd

PLAIN = b"".join(b"line %d of a text that goes on and on\n" % number for number in range(20_000))


def packed(plain: bytes, step: int = 1 << 16) -> bytes:
    packing = zstd.Compressor(len(plain))
    pieces = [packing.add(plain[start : start + step]) for start in range(0, len(plain), step)]
    return b"".join([*pieces, packing.end()])


def test_frame_unpacks_to_what_was_packed_and_says_its_size() -> None:
    data = packed(PLAIN)
    assert zstandard.ZstdDecompressor().decompress(data) == PLAIN
    assert zstd.content_size(data[: zstd.HEADER]) == len(PLAIN)


def test_frame_is_the_same_for_all_pieces_and_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    # Larger than what one thread compresses alone.
    plain = PLAIN * 14 + random.Random(1).randbytes(1 << 20) + PLAIN * 14
    expected = packed(plain)
    assert packed(plain, 1 << 20) == expected
    monkeypatch.setattr(zstd, "_THREADS", 1)
    assert packed(plain) == expected


def test_frame_has_the_same_bytes_in_every_version() -> None:
    # If they change, images compressed by zstd change their digests: on purpose only.
    digest = "634a4594f263d68a5b4522b4d583084ae35eef090f3d4e939d73331bda4e107e"
    assert hashlib.sha256(packed(PLAIN)).hexdigest() == digest


def test_frames_in_a_row_are_read_as_one_stream() -> None:
    with zstd.FrameReader(io.BytesIO(packed(b"one") + packed(b"two"))) as stream:
        assert stream.read(4) == b"onet"
        assert stream.tell() == 4
        assert stream.read(100) == b"wo"
        assert stream.read(100) == b""


def test_closing_closes_what_is_read() -> None:
    below = io.BytesIO(packed(b"one"))
    zstd.FrameReader(below).close()
    assert below.closed


@pytest.mark.parametrize("place", [0, 40, -2])
def test_damage_is_an_error_of_reading(place: int) -> None:
    data = bytearray(packed(PLAIN))
    data[place] ^= 0xFF
    with zstd.FrameReader(io.BytesIO(bytes(data))) as stream, pytest.raises(zstd.MalformedError, match="zstd"):
        while stream.read(1 << 16):
            pass


@pytest.mark.parametrize("head", [b"", b"\x1f\x8b\x08", zstandard.ZstdCompressor().compressobj().compress(b"x")])
def test_header_that_says_no_size_is_malformed(head: bytes) -> None:
    with pytest.raises(zstd.MalformedError):
        zstd.content_size(head)


def test_seeking_backwards_reads_from_the_start() -> None:
    with zstd.FrameReader(io.BytesIO(packed(PLAIN))) as stream:
        stream.seek(5000)
        assert stream.read(10) == PLAIN[5000:5010]
        assert stream.seek(7) == 7
        assert stream.read(10) == PLAIN[7:17]
