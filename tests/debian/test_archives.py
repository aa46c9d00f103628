"""A release with its updates, from a mirror."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from grocker.debian import Mirrors, open_archive, resolve
from grocker.debian.archives import DebianArchive, archive_addresses
from grocker.errors import GrockerError
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport
from tests.support.archive import NOW, Archive, Package


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "cache") as opened:
        yield opened


def opened(
    archive: Archive, store: Store, *addresses: str, architecture: str = "amd64", check_valid_until: bool = True
) -> tuple[DebianArchive, Silent]:
    progress = Silent()
    with Transport(environ={}, attempts=1) as transport:
        found = open_archive(
            Mirrors(addresses, addresses, True, check_valid_until),
            "trixie",
            architecture,
            store=store,
            transport=transport,
            progress=progress,
            now=NOW,
            signers=archive.signers(),
        )
    return found, progress


@pytest.mark.parametrize("by_hash", [True, False])
@pytest.mark.parametrize("compression", ["xz", "gz", ""])
def test_archive_is_opened_when_everything_holds(store: Store, by_hash: bool, compression: str) -> None:
    archive = Archive(by_hash=by_hash, compression=compression)
    archive.add(Package("hello", "1.0-1")).add(Package("hello", "1.0-1+deb13u1"), suite="trixie-security")
    with archive.serve() as address:
        found, progress = opened(archive, store, address)
    (hello,) = resolve(found.indexes, ["hello"]).packages
    assert (hello.version, hello.suite) == ("1.0-1+deb13u1", "trixie-security")
    assert found.address("trixie-security") == address
    assert progress.warnings == []
    assert any("by-hash" in path for path in archive.requests) is by_hash


def test_index_is_not_fetched_again_when_it_is_kept(store: Store) -> None:
    archive = Archive().add(Package("hello"))
    with archive.serve() as address:
        opened(archive, store, address)
        archive.requests.clear()
        found, _ = opened(archive, store, address)
    assert [path.rpartition("/")[2] for path in archive.requests] == ["InRelease"] * 3
    assert resolve(found.indexes, ["hello"]).packages[0].name == "hello"


def test_next_address_is_tried_when_the_first_has_no_debian(store: Store) -> None:
    archive, other = Archive().add(Package("hello")), Archive(origin="Other")
    with archive.serve() as address, other.serve() as wrong:
        found, _ = opened(archive, store, wrong, address)
    assert found.address("trixie") == address


def test_error_that_says_most_is_raised_when_no_address_serves(store: Store) -> None:
    expired, empty = Archive(valid_until=NOW - timedelta(days=1)), Archive(packages={})
    with Archive().serve() as down:
        pass
    with expired.serve() as old, empty.serve() as none:
        for addresses, status in (((none, old, down), 65), ((none, down), 69), ((none, none), 66)):
            with pytest.raises(GrockerError) as caught:
                opened(Archive(), store, *addresses)
            assert caught.value.status == status


def test_user_is_not_bothered_when_expiry_is_not_checked_and_nothing_has_expired(store: Store) -> None:
    archive = Archive()
    with archive.serve() as address:
        _, progress = opened(archive, store, address, check_valid_until=False)
    assert not progress.warnings


def test_user_is_warned_once_when_what_has_expired_is_used(store: Store) -> None:
    archive = Archive(valid_until=NOW - timedelta(days=1))
    with archive.serve() as address:
        _, progress = opened(archive, store, address, check_valid_until=False)
    ((message, hint),) = progress.warnings
    assert message.startswith(
        f"using an expired release of trixie (since {NOW - timedelta(days=1):%Y-%m-%d}), trixie-u"
    )
    assert hint is not None
    assert "security updates" in hint


INDEX = "dists/trixie/main/binary-amd64/Packages.xz"


def forged() -> Archive:
    """An index that is not the one which the release vouches for."""
    archive = Archive(by_hash=False).add(Package("hello"))
    archive.replaced[INDEX] = b"\0" * len(archive.files()[INDEX])
    return archive


CASES = [
    ("bad hash", forged(), 65, "Packages.xz", ""),
    (
        "unknown suite",
        Archive(packages={"trixie-security": [], "trixie-updates": []}),
        66,
        "suite trixie not found",
        "mirror",
    ),
    ("unknown architecture", Archive(architectures=("arm64",)), 66, "no packages for amd64 in main", "arm64"),
    ("expired", Archive(valid_until=NOW - timedelta(days=1)), 65, "has expired", "check-valid-until"),
    ("unpinned signer", Archive(signed_by=("stranger",)), 65, "does not trust", "mirror"),
    ("not Debian", Archive(origin="Other"), 65, "the origin Other", "GROCKER_DEBIAN_MIRROR"),
]


@pytest.mark.parametrize(("archive", "status", "words", "hint"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_archive_is_refused_when_something_does_not_hold(
    archive: Archive, status: int, words: str, hint: str, store: Store
) -> None:
    trusted = Archive()
    with archive.serve() as address, pytest.raises(GrockerError) as caught:
        opened(trusted, store, address)
    assert caught.value.status == status
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")
    assert list((store.root / "downloads").iterdir()) == []


def test_archive_is_unreachable_when_nobody_answers(store: Store) -> None:
    with Archive().serve() as address:
        pass
    with pytest.raises(GrockerError) as caught:
        opened(Archive(), store, address)
    assert caught.value.status == 69


def test_credentials_are_not_shown_when_the_address_has_them(store: Store) -> None:
    with Archive(packages={}).serve() as address, pytest.raises(GrockerError) as caught:
        opened(Archive(), store, address.replace("//", "//me:hush@"))
    assert "hush" not in f"{caught.value.message} {caught.value.hint}"


def test_release_is_refused_when_grocker_has_no_keys_for_it(store: Store) -> None:
    with Transport(environ={}) as transport, pytest.raises(GrockerError) as caught:
        open_archive(
            Mirrors(("http://example.invalid",), ("http://example.invalid",)),
            "sarge",
            "amd64",
            store=store,
            transport=transport,
            progress=Silent(),
            now=NOW,
        )
    assert (caught.value.status, caught.value.hint) == (78, "choose one of trixie, forky, bookworm")


def test_addresses_are_known_when_no_index_is_read() -> None:
    mirrors = Mirrors(("http://a.example.invalid", "http://b.example.invalid"), ("http://s.example.invalid",))
    assert archive_addresses(mirrors, "trixie") == {
        "trixie": "http://a.example.invalid",
        "trixie-updates": "http://a.example.invalid",
        "trixie-security": "http://s.example.invalid",
    }
