"""Tar archives of others: damage anywhere is an error with their name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable

import pytest
import zstandard

from grocker.errors import CorruptError
from grocker.tar.limits import find_members, open_tar


def packed(compress: Callable[[bytes], bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name in ("a", "b"):
            info = tarfile.TarInfo(name)
            info.size = 3000
            archive.addfile(info, io.BytesIO(bytes(range(250)) * 12))
    return compress(plain.getvalue())


def read(data: bytes) -> list[bytes]:
    with open_tar(io.BytesIO(data), "the archive") as archive:
        streams = [archive.extractfile(member) for member in find_members(archive)]
        return [stream.read() for stream in streams if stream is not None]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_archive_that_is_damaged_anywhere_is_corrupt_or_read(compress: Callable[[bytes], bytes]) -> None:
    data = packed(compress)
    assert read(data) == [bytes(range(250)) * 12] * 2
    refused = 0
    for place in range(0, len(data), max(1, len(data) // 200)):
        for damaged in (data[:place], data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]):
            try:
                read(damaged)
            except CorruptError as error:
                refused += error.message.startswith("the archive: ")
    assert refused > 20
