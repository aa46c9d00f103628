"""Certificates that hold nothing but a subject: as much of X.509 as a hash of the subject needs."""

from __future__ import annotations

import base64


def der(tag: int, *parts: bytes) -> bytes:
    """An item of DER."""
    content = b"".join(parts)
    if len(content) < 128:
        return bytes((tag, len(content))) + content
    return bytes((tag, 0x82)) + len(content).to_bytes(2, "big") + content


def certificate(*subject: tuple[int, bytes], serial: int = 1) -> bytes:
    """The DER of a certificate; ``subject``: names, each as the tag of a string type and the string."""
    names = b"".join(der(0x31, der(0x30, b"\x06\x03\x55\x04\x03", der(tag, text))) for tag, text in subject)
    fields = der(0xA0, b"\x02\x01\x02") + der(0x02, bytes([serial])) + der(0x30) + der(0x30) + der(0x30)
    return der(0x30, der(0x30, fields, der(0x30, names)), der(0x30), der(0x03, b"\0"))


def pem(data: bytes) -> bytes:
    """A certificate as text."""
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"
