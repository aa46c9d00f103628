"""Deterministic mutations: the same seed and inputs give the same mutated inputs on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

LONGEST = 64 << 10
"""bytes of a mutated input"""
_SMALL = (b"\0", b"\n", b"\r", b" ", b"\t", b"%", b"=", b":", b",", b'"', b"'", b"\\", b"/", b"[", b"]", b"{", b"}")
_WORDS = (
    *(b"-1", b"0", b"1e999", b"9" * 20, b"9" * 5000, b"NaN", b"true", b"null", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80"),
    *(b"\\ud800", b"../", b"/" + b"a" * 300, b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\n\n", b"[" * 200, b'{"a":' * 200),
    *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0", b"\x0b", b"\x85", b"\x1c", b"%00"),
)


def mutations(seeds: Sequence[bytes], words: Sequence[bytes], *, count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` inputs, each one of ``seeds`` changed in one to six places.

    ``words``: what is inserted, besides what is odd in any format.
    """
    chance = random.Random(seed)
    many = (*_SMALL, *_WORDS, *words, *words)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(1 + chance.randrange(6)):
            chance.choice(_CHANGES)(data, chance, many, seeds)
        yield bytes(data[:LONGEST])


_Change = Callable[[bytearray, random.Random, Sequence[bytes], Sequence[bytes]], None]


def _at(data: bytearray, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def _span(data: bytearray, chance: random.Random) -> tuple[int, int]:
    start = _at(data, chance)
    return start, min(len(data), start + chance.choice((1, 1, 2, 4, 16, 64, 512)))


def _flip(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(
            (0, 1, 9, 10, 32, 48, 57, 127, 128, 255, chance.randrange(256))
        )


def _insert(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    at = _at(data, chance)
    data[at:at] = chance.choice(words)


def _replace(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    start, end = _span(data, chance)
    data[start:end] = chance.choice(words)


def _delete(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    start, end = _span(data, chance)
    del data[start:end]


def _truncate(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    if not chance.randrange(4):
        del data[_at(data, chance) :]


def _copy(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    start, end = _span(data, chance)
    at = _at(data, chance)
    data[at:at] = data[start:end] * chance.choice((1, 1, 1, 2, 100))


def _splice(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    other = bytearray(chance.choice(seeds))
    start, end = _span(other, chance)
    at = _at(data, chance)
    data[at : at + chance.choice((0, end - start))] = other[start:end]


def _value(data: bytearray, chance: random.Random, words: Sequence[bytes], seeds: Sequence[bytes]) -> None:
    """Replace what stands between two delimiters: a whole value, name or line."""
    if not data:
        return
    at = chance.randrange(len(data))
    end = at
    while end < len(data) and data[end] not in b"\n\"'=:, {}[]()<>/;":
        end += 1
    start = at
    while start and data[start - 1] not in b"\n\"'=:, {}[]()<>/;":
        start -= 1
    data[start:end] = chance.choice((b"", *words[-20:], chance.choice(words)))


_CHANGES: tuple[_Change, ...] = (_flip, _set, _insert, _replace, _delete, _truncate, _copy, _splice, _value, _value)
