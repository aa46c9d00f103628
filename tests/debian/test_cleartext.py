"""What reaches the OpenPGP library: one signed message within bounds, whatever a server sends."""

from __future__ import annotations

import base64
import re
import zlib

import pytest

from grocker.debian import cleartext, release
from grocker.errors import CorruptError
from tests.support.archive import key, sign, signer

CONTENT = b"Origin: Debian\n- dash\n"
MESSAGE = sign(CONTENT, key())


def armor(packets: bytes) -> bytes:
    return base64.encodebytes(packets)


def with_signature(packets: bytes) -> bytes:
    """The message with other packets where its signatures are."""
    old = re.search(rb"\n\n([A-Za-z0-9+/=\n]+?\n)(?:=[A-Za-z0-9+/]{4}\n)?-----END PGP SIG", MESSAGE)
    assert old is not None
    return MESSAGE.replace(old[1], armor(packets))


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4, "big") + body


def old_packet(tag: int, body: bytes) -> bytes:
    return bytes([0x80 | tag << 2 | 2]) + len(body).to_bytes(4, "big") + body


BOMB = b"\2" + zlib.compress(bytes(8 << 20))
"""the body of a packet of compressed data (RFC 9580, 5.6)"""
ATTACKS = {
    "compressed data as a signature": with_signature(packet(8, BOMB)),
    "compressed data in the old format": with_signature(old_packet(8, BOMB)),
    "compressed data of no length": with_signature(bytes([0x80 | 8 << 2 | 3]) + BOMB),
    "compressed data in parts": with_signature(bytes([0xC8, 0xF0]) + BOMB),
    "a literal packet": with_signature(old_packet(11, b"b\0\0\0\0\0x")),
    "a key": with_signature(old_packet(6, b"x" * 100)),
    "signatures without end": with_signature(old_packet(2, b"x") * 1000),
    "a signature that is cut": with_signature(old_packet(2, b"x" * 100)[:50]),
    "no packet at all": with_signature(b"\x01\x02"),
    "two messages": MESSAGE + MESSAGE,
    "a message in the message": MESSAGE.replace(b"- - dash", MESSAGE),
    "a second block of signatures": MESSAGE + MESSAGE[MESSAGE.index(b"-----BEGIN PGP SIGNATURE") :],
    "a signature before its text": MESSAGE[MESSAGE.index(b"-----BEGIN PGP SIGNATURE") :] + MESSAGE,
    "a line that is not escaped": MESSAGE.replace(b"- - dash", b"-----BEGIN PGP MESSAGE-----"),
    "a large message": sign(b"x" * (cleartext.MOST + 1) + b"\n", key()),
    "a header without end": MESSAGE.replace(b"Hash: ", b"Hash: " + b"x" * 5000),
}


def test_message_is_taken_as_it_is_and_verified() -> None:
    assert cleartext.message(MESSAGE).rstrip() == MESSAGE.rstrip()
    assert release.verify(MESSAGE, [signer()], what="it") == CONTENT


def test_text_around_the_message_never_reaches_the_library() -> None:
    block = b"-----BEGIN PGP MESSAGE-----\n\n" + armor(packet(8, BOMB)) + b"-----END PGP MESSAGE-----\n"
    assert cleartext.message(block + MESSAGE + block).rstrip() == MESSAGE.rstrip()


@pytest.mark.parametrize("attack", ATTACKS)
def test_anything_but_one_signed_message_is_refused_before_the_library_sees_it(attack: str) -> None:
    with pytest.raises(ValueError, match="it|packet"):
        cleartext.message(ATTACKS[attack])
    with pytest.raises(CorruptError):
        release.verify(ATTACKS[attack], [signer()], what="it")
