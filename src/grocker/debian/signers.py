"""Whose signatures count for which suite. The keys are data beside this module, taken from debian-archive-keyring.

A fingerprint is pinned per suite: a key that signs one release of Debian says nothing about another.
Source: Debian's package debian-archive-keyring, 2025.1.
"""

from __future__ import annotations

import msgspec


class Signer(msgspec.Struct, frozen=True):
    """A pinned OpenPGP certificate."""

    name: str
    fingerprint: str
    """of the primary key, 40 hexadecimal digits"""
    subkeys: tuple[str, ...] = ()
    """fingerprints of the keys under it that sign"""
    key: bytes | None = None
    """the certificate, or None: the file ``keys/NAME.asc`` of this package"""

    def certificate(self) -> bytes:
        """The certificate's bytes, binary or armoured."""
        if self.key is not None:
            return self.key
        from importlib import resources

        return resources.files("grocker.debian").joinpath("keys", f"{self.name}.asc").read_bytes()


_TRIXIE = Signer(
    "trixie-automatic",
    "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
    ("B8E5F13176D2A7A75220028078DBA3BC47EF2265",),
)
_TRIXIE_SECURITY = Signer(
    "trixie-security-automatic",
    "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
    ("89C87ACEA5DD6B8E6A7068808E9F831205B4BA95",),
)
_TRIXIE_STABLE = Signer("trixie-stable", "41587F7DB8C774BCCF131416762F67A0B2C39DE4")
_BOOKWORM = Signer(
    "bookworm-automatic",
    "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
    ("4CB50190207B4758A3F73A796ED0E7B82643E131",),
)
_BOOKWORM_SECURITY = Signer(
    "bookworm-security-automatic",
    "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
    ("B0CAB9266E8C3929798B3EEEBDE6D2B9216EC7A8",),
)
_BOOKWORM_STABLE = Signer("bookworm-stable", "4D64FEC119C2029067D6E791F8D2585B8783D481")

SIGNERS: dict[str, tuple[Signer, ...]] = {
    "trixie": (_TRIXIE, _TRIXIE_STABLE),
    "trixie-updates": (_TRIXIE,),
    "trixie-security": (_TRIXIE_SECURITY,),
    "bookworm": (_BOOKWORM, _BOOKWORM_STABLE),
    "bookworm-updates": (_BOOKWORM,),
    "bookworm-security": (_BOOKWORM_SECURITY,),
}
"""By suite, the signers of whom one is enough."""

SUITES: tuple[str, ...] = ("trixie", "bookworm")
"""The releases that images can be made of, the default first."""
