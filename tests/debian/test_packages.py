"""The index of a suite on its way from the archive: formats, damage, what the release does not have."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grocker import digest
from grocker.debian.index import PackageIndex
from grocker.debian.packages import load
from grocker.debian.release import IndexFile, Release
from grocker.errors import CorruptError, MissingError
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport

STANZA = b"Package: a\nVersion: 1\nArchitecture: amd64\nFilename: pool/a.deb\nSize: 1\nSHA256: " + b"0" * 64 + b"\n"


def loaded(directory: Path, data: bytes, ending: str, component: str = "main") -> PackageIndex:
    """The index that a store holds already: nothing is fetched."""
    path = f"main/binary-amd64/Packages{ending}"
    file = IndexFile(path, len(data), digest.of(data))
    release = Release(
        "trixie",
        "Debian",
        "trixie",
        "13",
        datetime(2026, 3, 1, tzinfo=UTC),
        None,
        True,
        ("amd64",),
        ("main",),
        {path: file},
    )
    with Store.open(directory / "store") as store, Transport(environ={}) as transport:
        (directory / "Packages").write_bytes(data)
        store.add_wheel(directory / "Packages")  # as good as downloaded
        return load(
            release,
            component,
            "amd64",
            mirror="http://127.0.0.1:9",
            store=store,
            transport=transport,
            progress=Silent(),
        )


@pytest.mark.parametrize(
    ("ending", "compress"),
    [
        ("", bytes),
        (".gz", gzip.compress),
        (".gz", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        (".xz", lzma.compress),
    ],
    ids=["plain", "gzip", "two gzip members", "xz"],
)
def test_index_is_read_from_the_store_when_it_is_there(
    tmp_path: Path, ending: str, compress: Callable[[bytes], bytes]
) -> None:
    (record,) = loaded(tmp_path, compress(STANZA), ending).records("a")
    assert (record.version, record.path) == ("1", "pool/a.deb")


@pytest.mark.parametrize(("ending", "words"), [(".gz", "not gzip data"), (".xz", "not xz data")])
def test_index_is_refused_when_it_is_not_what_its_name_says(tmp_path: Path, ending: str, words: str) -> None:
    with pytest.raises(CorruptError, match=words):
        loaded(tmp_path, b"<html>", ending)


def test_index_is_missing_when_the_release_has_none(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no packages for amd64 in contrib") as caught:
        loaded(tmp_path, STANZA, "", component="contrib")
    assert caught.value.hint == "available architectures: amd64"
