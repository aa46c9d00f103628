"""Which package has a header."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grocker import digest
from grocker.debian import DebianArchive
from grocker.debian.contents import find_header_packages
from grocker.debian.release import IndexFile, Release
from grocker.errors import CorruptError
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport

CONTENTS = b"""\
bin/yaml.h                                             utils/not-a-header
usr/include/openssl/ssl.h                              libdevel/libssl-dev
usr/include/wolfssl/openssl/ssl.h                      libdevel/libwolfssl-dev
usr/include/yaml.h                                     libdevel/libyaml-dev
usr/include/x86_64-linux-gnu/a b.h                     libdevel/with-space,universe/libdevel/other
usr/lib/x86_64-linux-gnu/glib-2.0/include/glibconfig.h libdevel/libglib2.0-dev
usr/share/doc/examples/yaml.h                          doc/examples
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "cache") as store:
        yield store


def find(store: Store, header: str, data: bytes) -> tuple[str, ...]:
    name, sha256 = "main/Contents-amd64.gz", digest.of(data)
    store.keep_download([data], digest=sha256, size=len(data), what=name)
    files = {name: IndexFile(name, len(data), sha256)}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    release = Release("trixie", "Debian", "trixie", "13", now, None, True, ("amd64",), ("main",), files)
    archive = DebianArchive("trixie", "amd64", (), {"trixie": "http://127.0.0.1:1/debian"}, (release,))
    with Transport(environ={}) as transport:
        return find_header_packages(archive, header, store=store, transport=transport, progress=Silent())


@pytest.mark.parametrize(
    ("header", "packages"),
    [
        ("yaml.h", ("libyaml-dev",)),
        ("openssl/ssl.h", ("libssl-dev", "libwolfssl-dev")),
        ("glibconfig.h", ("libglib2.0-dev",)),
        ("a b.h", ("other", "with-space")),
        ("aml.h", ()),
    ],
)
def test_packages_of_a_header_are_found_where_compilers_look(
    store: Store, header: str, packages: tuple[str, ...]
) -> None:
    assert find(store, header, gzip.compress(CONTENTS)) == packages


def test_damaged_index_is_an_error(store: Store) -> None:
    with pytest.raises(CorruptError, match="Contents-amd64"):
        find(store, "yaml.h", gzip.compress(CONTENTS)[:-9])
