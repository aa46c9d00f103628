"""Whose signatures count: the table of suites, by the archive's own names."""

from __future__ import annotations

from grocker.debian.signers import SIGNERS, read_certificate
from grocker.platforms.suites import SUITES, Signer


def test_signers_are_those_of_the_suites() -> None:
    assert set(SIGNERS) == {f"{suite}{pocket.suffix}" for suite, row in SUITES.items() for pocket in row.pockets}


def test_certificate_is_the_signers_own_when_it_has_one() -> None:
    assert read_certificate(Signer("made-up", "0" * 40, key=b"key")) == b"key"


def test_certificate_comes_with_grocker_for_every_signer() -> None:
    for signers in SIGNERS.values():
        for signer in signers:
            assert read_certificate(signer).startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
