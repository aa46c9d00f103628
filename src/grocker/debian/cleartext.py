"""Extract the one message in the cleartext signature framework from a server's response.

Whoever can change a download may put any packet of OpenPGP into it, such as compressed data that unpacks to gigabytes.
So what goes to the OpenPGP library is a text and its signatures, in bounds that no release of Debian comes near.

Source: RFC 9580, 4.2 (packet headers), 6.2 (ASCII armor), 7 (cleartext signature framework).
"""

from __future__ import annotations

import base64
import binascii
import re

from grocker.regex import regex

MOST = 1 << 20
"""bytes of a message: Debian's are 60 to 250 kB"""
_MOST_SIGNATURES = 16
_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
_END = b"-----END PGP SIGNATURE-----"
_TAG = 2
"""of a signature packet"""
_MESSAGE = regex(
    rb"^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?\n(?:Hash:[^\n]{0,200}\n){0,8}[ \t]*\r?\n"
    rb"(?:(?!-)[^\n]*\n|- [^\n]*\n)*"  # lines that begin with a dash are escaped
    rb"-----BEGIN PGP SIGNATURE-----[ \t]*\r?\n(?:(?:Version|Comment|Hash|Charset):[^\n]{0,200}\n){0,8}[ \t]*\r?\n"
    rb"(?P<armor>(?:[A-Za-z0-9+/=]{1,100}[ \t]*\r?\n)+)"
    rb"-----END PGP SIGNATURE-----[ \t]*$",
    re.MULTILINE,
)


def is_signed(data: bytes) -> bool:
    """Whether ``data`` contains a signed message."""
    return _BEGIN in data


def is_whole(data: bytes) -> bool:
    """Whether ``data`` ends as a signed message does."""
    return data.rstrip().endswith(_END)


def message(data: bytes) -> bytes:
    """Return the one signed message in ``data``; text around it is dropped.

    Raises ValueError if there is not exactly one, it is truncated, or its signatures contain another kind of packet.
    """
    if len(data) > MOST:
        raise ValueError(f"it has more than {MOST} bytes")
    if any(data.count(mark) != 1 for mark in (_BEGIN, _SIGNATURE, _END)):
        raise ValueError("it is not exactly one signed message")
    found = _MESSAGE.search(data)
    if found is None:
        raise ValueError("it is not in the format of a signed message")
    _check_packets(_packets(found["armor"]))
    return found[0] + b"\n"


def _packets(armor: bytes) -> bytes:
    lines = [line.strip() for line in armor.splitlines()]
    # The checksum that may follow (RFC 9580, 6.1) is the library's to judge.
    encoded = b"".join(line for line in lines if not re.fullmatch(rb"=[A-Za-z0-9+/]{4}", line))
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"its signatures are malformed: {error}") from error


def _check_packets(data: bytes) -> None:
    place = count = 0
    while place < len(data):
        tag, start, size = _header(data, place)
        if tag != _TAG:
            raise ValueError(f"its signatures contain a packet of type {tag}")
        count += 1
        place = start + size
        if place > len(data) or count > _MOST_SIGNATURES:
            raise ValueError("its signatures are truncated or too many")
    if not count:
        raise ValueError("it has no signature")


def _header(data: bytes, place: int) -> tuple[int, int, int]:
    """Type, start and size of a packet's body. Raises ValueError for lengths that no signature has."""
    first = data[place]
    if not first & 0x80:
        raise ValueError("its signatures are malformed")
    if first & 0x40:
        octet = data[place + 1] if place + 1 < len(data) else 255
        if octet < 192:
            return first & 0x3F, place + 2, octet
        if octet < 224 and place + 2 < len(data):
            return first & 0x3F, place + 3, ((octet - 192) << 8) + data[place + 2] + 192
    elif first & 3 != 3:
        width = 1 << (first & 3)
        return first >> 2 & 0xF, place + 1 + width, int.from_bytes(data[place + 1 : place + 1 + width], "big")
    raise ValueError("its signatures contain a packet with an unsupported length")
