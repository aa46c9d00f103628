"""The signed description of a suite."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from grocker.debian import release
from grocker.debian.release import Release
from grocker.debian.signers import SIGNERS, read_certificate
from grocker.errors import CorruptError
from tests.support.archive import NOW, Archive, key, sign, signer

CONTENT = b"Origin: Debian\nCodename: trixie\nDate: Sun, 01 Mar 2026 10:00:00 UTC\nSHA256:\n"


def check(message: bytes, *, valid: bool = True, suite: str = "trixie") -> Release:
    return release.check(
        message, suite, signers=[signer()], now=NOW, check_valid_until=valid, place="http://example.invalid/debian"
    )


def published(archive: Archive, suite: str = "trixie") -> bytes:
    return archive.files()[f"dists/{suite}/InRelease"]


def test_release_is_read_when_everything_holds() -> None:
    found = check(published(Archive()))
    assert (found.codename, found.origin, found.by_hash) == ("trixie", "Debian", True)
    assert found.valid_until == NOW + timedelta(days=7)
    assert list(found.files) == ["main/binary-amd64/Packages.xz"]


def test_text_around_the_signature_is_ignored_when_somebody_added_it() -> None:
    message = b"Origin: Evil\n\n" + published(Archive()) + b"\nCodename: evil\n"
    assert check(message).origin == "Debian"


def test_release_is_taken_when_one_signer_of_several_is_pinned() -> None:
    assert release.verify(sign(CONTENT, key()), [signer("other"), signer()], what="it") == CONTENT


def test_expired_release_is_taken_when_expiry_is_not_checked() -> None:
    old = Archive(date=NOW - timedelta(days=20), valid_until=NOW - timedelta(days=13))
    assert check(published(old), valid=False).codename == "trixie"


def test_release_is_taken_when_the_archives_clock_is_a_little_ahead() -> None:
    assert check(published(Archive(date=NOW + timedelta(hours=3)))).date > NOW


def altered() -> bytes:
    return published(Archive()).replace(b"Suite: stable", b"Suite: st4ble")


CASES = [
    ("bad signature", altered(), "has a bad signature", "try again"),
    ("no signature", published(Archive(signed_by=())), "is not signed", "captive portal"),
    ("an HTML page", b"<html>log in</html>", "is not signed", "captive portal"),
    ("truncated", published(Archive())[:-200], "bad signature", "another mirror"),
    ("unpinned signer", published(Archive(signed_by=("stranger",))), "does not trust", signer().fingerprint),
    (
        "expired",
        published(Archive(date=NOW - timedelta(days=9), valid_until=NOW - timedelta(hours=1))),
        "has expired: it was valid until 2026-03-01 11:00",
        "check-valid-until = false",
    ),
    ("dated in the future", published(Archive(date=NOW + timedelta(days=3))), "in the future", "clock"),
    ("another suite", published(Archive(codenames={"trixie": "bookworm"})), "describes bookworm", "another mirror"),
    ("another distribution", published(Archive(origin="Ubuntu")), "origin Ubuntu", "debian.mirror"),
    ("no hashes", sign(CONTENT.replace(b"SHA256:\n", b""), key()), "no field SHA256", ""),
    ("malformed hashes", sign(CONTENT + b" zz\n", key()), "malformed", ""),
    ("malformed date", sign(CONTENT.replace(b"Sun, 01 Mar", b"yesterday"), key()), "malformed", ""),
    ("date beyond all years", sign(CONTENT.replace(b"Sun, 01 Mar 2026", b"9" * 20), key()), "malformed", ""),
    ("date beyond all zones", sign(CONTENT.replace(b"UTC", b"-" + b"9" * 20), key()), "malformed", ""),
    ("no date", sign(CONTENT.replace(b"Date", b"Data"), key()), "no field Date", ""),
]


@pytest.mark.parametrize(("message", "words", "hint"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_release_is_refused_when_something_does_not_hold(message: bytes, words: str, hint: str) -> None:
    with pytest.raises(CorruptError) as caught:
        check(message)
    assert caught.value.status == 65
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert hint in (caught.value.hint or "")


def test_release_is_refused_when_the_key_file_is_not_the_pinned_one() -> None:
    swapped = replace(signer(), fingerprint="0" * 40)
    with pytest.raises(CorruptError, match="does not have the pinned fingerprint"):
        release.verify(published(Archive()), [swapped], what="it")


@pytest.mark.parametrize("suite", sorted(SIGNERS))
def test_key_is_the_pinned_one_when_it_comes_with_grocker(suite: str) -> None:
    import pysequoia

    for pinned in SIGNERS[suite]:
        found = pysequoia.Cert.from_bytes(read_certificate(pinned))
        assert found.fingerprint.upper() == pinned.fingerprint
        assert not found.is_revoked
        signed_by = {"forky": ("trixie", "bookworm")}.get(suite.partition("-")[0], (suite.partition("-")[0],))
        assert pinned.name.startswith(signed_by), "testing is signed by the keys of the releases before it"
