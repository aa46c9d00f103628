"""Compile gettext catalogs: ``.po`` to ``.mo``, byte for byte what GNU msgfmt writes.

Sources: the gettext manual, "The Format of PO Files" and "The Format of GNU MO Files"; its ``hash-string.h``.
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Iterator

import msgspec

from grocker.regex import regex

_MAGIC = 0x950412DE
_HEADER = struct.Struct("<7I")
_PAIR = struct.Struct("<2I")
_KEYWORD = regex(r"(?P<keyword>msgctxt|msgid_plural|msgid|msgstr(?:\[(?P<number>\d{1,3})\])?)\s*(?P<text>\".*)\Z")
_ESCAPE = regex(r"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hexadecimal>[0-9a-fA-F]{1,2})|(?P<character>.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a"}
_CHARSET = regex(rb"charset=([A-Za-z0-9._-]+)")
_CREATED = regex(r"^POT-Creation-Date:[^\n]*\n", re.MULTILINE)


class CatalogError(ValueError):
    """A catalog that is malformed."""


class CatalogMessage(msgspec.Struct):
    """One entry of a catalog."""

    context: str | None = None
    id: str | None = None
    plural: str | None = None
    translations: dict[int, str] = {}
    is_fuzzy: bool = False

    @property
    def key(self) -> str:
        """What is looked up."""
        return self.id or "" if self.context is None else f"{self.context}\x04{self.id or ''}"


def compile_catalog(data: bytes) -> bytes:
    """Return the ``.mo`` file of a ``.po`` file. Raises CatalogError, with the number of the line."""
    entries: dict[bytes, bytes] = {}
    charset = _charset(data)
    for message in read_messages(_decode(data, charset)):
        translations = [message.translations[number] for number in sorted(message.translations)]
        if (message.is_fuzzy and message.key) or not "".join(translations):
            continue
        text = "\0".join(translations)
        if not message.key:
            text = _CREATED.sub("", text)
        key = message.key if message.plural is None else f"{message.key}\0{message.plural}"
        entries[key.encode(charset)] = text.encode(charset)
    return _write(sorted(entries.items(), key=lambda item: item[0].partition(b"\0")[0]))


def read_messages(text: str) -> Iterator[CatalogMessage]:
    """Yield the messages of a catalog, without obsolete ones. Raises CatalogError."""
    message, field = CatalogMessage(), ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#~"):
            continue
        if line.startswith("#"):
            if message.translations:
                yield message
                message, field = CatalogMessage(), ""
            if line.startswith("#,") and "fuzzy" in re.split(r"[,\s]+", line):
                message.is_fuzzy = True
            continue
        if not line:
            continue
        found = _KEYWORD.match(line)
        if found is not None:
            field = found["keyword"]
            if field in ("msgctxt", "msgid") and message.translations:
                yield message
                message = CatalogMessage()
            _add(message, field, found["number"], _unquote(found["text"], number), number, is_first=True)
        elif line.startswith('"') and field:
            last = re.match(r"msgstr\[(\d+)\]", field)
            _add(message, field, last[1] if last else None, _unquote(line, number), number, is_first=False)
        else:
            raise CatalogError(f"line {number}: expected msgid, msgstr or a comment")
    if message.translations:
        yield message
    elif message.id is not None:
        raise CatalogError(f"line {len(text.splitlines())}: a message without msgstr")


def _add(message: CatalogMessage, field: str, number: str | None, text: str, line: int, *, is_first: bool) -> None:
    if field == "msgctxt":
        message.context = text if is_first else (message.context or "") + text
    elif field == "msgid":
        message.id = text if is_first else (message.id or "") + text
    elif field == "msgid_plural":
        message.plural = text if is_first else (message.plural or "") + text
    elif message.id is None:
        raise CatalogError(f"line {line}: msgstr without msgid")
    else:
        place = int(number or 0)
        message.translations[place] = text if is_first else message.translations.get(place, "") + text


def _unquote(text: str, number: int) -> str:
    if len(text) < 2 or not text.endswith('"') or re.fullmatch(r'"(?:[^"\\]|\\.)*"', text) is None:
        raise CatalogError(f"line {number}: malformed string")
    return _ESCAPE.sub(_escaped, text[1:-1])


def _escaped(match: re.Match[str]) -> str:
    if match["octal"]:
        return chr(int(match["octal"], 8) & 0xFF)
    if match["hexadecimal"]:
        return chr(int(match["hexadecimal"], 16))
    return _ESCAPES.get(match["character"], match["character"])


def _charset(data: bytes) -> str:
    found = _CHARSET.search(data)
    name = found[1].decode() if found is not None and found[1] != b"CHARSET" else "utf-8"
    try:
        return codecs.lookup(name).name if "x".encode(name) == b"x" else "utf-8"
    except (LookupError, ValueError, TypeError):
        raise CatalogError(f"unknown charset {name}") from None


def _decode(data: bytes, charset: str) -> str:
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode(charset)
    except ValueError as error:
        raise CatalogError(f"not {charset}") from error


# -- GNU MO ------------------------------------------------------------------------------------------------------------


def _write(entries: list[tuple[bytes, bytes]]) -> bytes:
    count = len(entries)
    size = _hash_size(count)
    originals = _HEADER.size
    translations = originals + count * _PAIR.size
    hashes = translations + count * _PAIR.size
    place = hashes + size * 4
    tables, strings = [], []
    for column in (0, 1):
        for entry in entries:
            text = entry[column]
            tables.append(_PAIR.pack(len(text), place))
            strings.append(text + b"\0")
            place += len(text) + 1
    head = _HEADER.pack(_MAGIC, 0, count, originals, translations, size, hashes)
    return head + b"".join(tables) + _hash_table([key for key, _ in entries], size) + b"".join(strings)


def _hash_size(count: int) -> int:
    """Return the next prime after 4/3 of the strings; GNU's test for primes does not know 3, but takes it for none."""
    size = count * 4 // 3 | 1
    if size <= 3:
        return 3 if size == 1 else 5
    while any(size % divisor == 0 for divisor in range(3, int(size**0.5) + 1, 2)):
        size += 2
    return size


def _hash_table(keys: list[bytes], size: int) -> bytes:
    table = [0] * size
    for number, key in enumerate(keys, 1):
        value = _hash(key.partition(b"\0")[0])
        place, step = value % size, 1 + value % (size - 2)
        while table[place]:
            place = (place + step) % size
        table[place] = number
    return struct.pack(f"<{size}I", *table)


def _hash(text: bytes) -> int:
    """Return the hash of P. J. Weinberger."""
    value = 0
    for byte in text:
        value = (value << 4) + byte
        high = value & 0xF0000000
        if high:
            value ^= high >> 24
            value ^= high
    return value
