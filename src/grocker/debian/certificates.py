"""The trusted certificates: the bundle, and the links by subject hash for OpenSSL's certificate directory.

Source: update-ca-certificates(8); openssl-rehash(1); OpenSSL, crypto/x509/x509_cmp.c (X509_NAME_hash_ex) and x_name.c
(x509_name_canon); X.690 for DER.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping

from grocker.errors import CorruptError
from grocker.regex import regex
from grocker.tar.entry import Directory, Entry, File, Symlink

_DIRECTORY = "etc/ssl/certs"
_SHARED = "usr/share/ca-certificates/"
_PEM = regex(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.+?)-----END", re.DOTALL)

_HINT = "use another mirror, or report this to the maintainer of ca-certificates"

_SEQUENCE, _SET, _OID, _UTF8 = 0x30, 0x31, 0x06, 0x0C
_CODECS = {
    0x0C: "utf-8",  # UTF8String
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # T61String, which OpenSSL reads as Latin-1
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
_CONF_HEAD = """\
# This file lists certificates that you wish to use or to ignore to be
# installed in /etc/ssl/certs.
# update-ca-certificates(8) will update /etc/ssl/certs by reading this file.
#
"""


def entries(contents: Mapping[str, bytes]) -> list[Entry]:
    """The files that ``update-ca-certificates`` creates from the certificates in ``contents`` (by path), all trusted.

    Raises CorruptError when one cannot be read.
    """
    paths = sorted(path for path in contents if path.startswith(_SHARED) and path.endswith(".crt"))
    if not paths:
        return []
    made: list[Entry] = [Directory(_DIRECTORY)]
    bundle = bytearray()
    by_hash: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        data = contents[path]
        name = path.rpartition("/")[2].removesuffix(".crt")
        name = name.replace(" ", "_").replace("(", "=").replace(")", "=").replace(",", "_") + ".pem"
        made.append(Symlink(f"{_DIRECTORY}/{name}", f"/{path}"))
        bundle += data if data.endswith(b"\n") else data + b"\n"
        try:
            der = decode_certificate(data)
            found = by_hash.setdefault(subject_hash(der), [])
        except (ValueError, IndexError) as error:
            raise CorruptError(f"cannot read the certificate {path}: {error}", hint=_HINT) from error
        fingerprint = hashlib.sha256(der).hexdigest()
        if all(fingerprint != other for other, _ in found):
            found.append((fingerprint, name))
    for value, found in sorted(by_hash.items()):
        made.extend(Symlink(f"{_DIRECTORY}/{value}.{number}", name) for number, (_, name) in enumerate(found))
    made.append(File(f"{_DIRECTORY}/ca-certificates.crt", bytes(bundle)))
    listed = "".join(path.removeprefix(_SHARED) + "\n" for path in paths)
    made.append(File("etc/ca-certificates.conf", (_CONF_HEAD + listed).encode()))
    return made


def decode_certificate(pem: bytes) -> bytes:
    """The DER of the first certificate in ``pem``; ``pem`` itself when it is DER already."""
    match = _PEM.search(pem)
    return base64.b64decode(match[1]) if match else pem


def subject_hash(der: bytes) -> str:
    """What ``openssl x509 -subject_hash`` prints: 8 hexadecimal digits. ValueError when ``der`` is malformed."""
    (_, body, _), *_ = _items(der)
    (_, to_be_signed, _), *_ = _items(body)
    fields = list(_items(to_be_signed))
    if fields[0][0] == 0xA0:  # the version, absent in certificates of version 1
        del fields[0]
    # serialNumber, signature, issuer, validity, subject
    canonical = b"".join(_canonical_set(value) for tag, value, _ in _items(fields[4][1]) if tag == _SET)
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _canonical_set(data: bytes) -> bytes:
    """One relative name: its attributes with their text in lower case, without superfluous white space, in UTF-8."""
    attributes = []
    for _, attribute, _ in _items(data):
        (_, _, kind), (tag, value, whole) = _items(attribute)
        codec = _CODECS.get(tag)
        if codec is not None:
            text = value.decode(codec).encode()
            text = re.sub(rb"[ \t\n\v\f\r]+", b" ", text.strip(b" \t\n\v\f\r"))
            # Only ASCII letters change: bytes.lower knows no others.
            whole = _encoded(_UTF8, text.lower())
        attributes.append(_encoded(_SEQUENCE, kind + whole))
    return _encoded(_SET, b"".join(sorted(attributes)))


def _items(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The DER items in ``data``: tag, content, and the whole."""
    position = 0
    while position < len(data):
        tag, length, start = data[position], data[position + 1], position + 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[start : start + count], "big")
            start += count
        end = start + length
        if end > len(data):
            raise ValueError("truncated")
        yield tag, data[start:end], data[position:end]
        position = end


def _encoded(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content
