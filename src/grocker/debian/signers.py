"""The signers that Grocker trusts, and their certificates.

A fingerprint is pinned per suite: a key that signs one release of Debian says nothing about another.
"""

from __future__ import annotations

from grocker.platforms.suites import SUITES, Signer

SIGNERS: dict[str, tuple[Signer, ...]] = {
    name: signers for suite in SUITES.values() for name, signers in suite.signers.items()
}
"""By suite of the archive (``trixie-security``): one valid signature by one of them suffices."""


def read_certificate(signer: Signer) -> bytes:
    """The bytes of a signer's certificate, binary or armoured."""
    if signer.key is not None:
        return signer.key
    from importlib import resources

    return resources.files("grocker.debian").joinpath("keys", f"{signer.name}.asc").read_bytes()
