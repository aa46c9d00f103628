"""The order of Debian versions.

Source: Debian Policy 5.6.12, ``[epoch:]upstream_version[-debian_revision]``.
"""

from __future__ import annotations

from functools import cache

from grocker.regex import regex

Key = tuple[int, tuple[int, ...], tuple[int, ...]]
"""Compares like the version that it was made from."""

_VERSION = regex(
    r"(?:([0-9]+):(?=[^:]))?(?P<upstream>[A-Za-z0-9.+~-]+?|(?<=:)[A-Za-z0-9.+~:-]+?)(?:-([A-Za-z0-9.+~]+))?\Z"
)
_PART = regex(r"([^0-9]*)([0-9]*)")

OPERATORS = ("<<", "<=", "=", ">=", ">>")
"""The relations of dependencies (Policy 7.1)."""


@cache
def key(version: str) -> Key:
    """``version`` as a value that sorts in Debian's order; equal keys are equal versions (``1.0`` and ``1.0-0``).

    Raises ValueError when ``version`` is not a Debian version.
    """
    match = _VERSION.match(version)
    if match is None or match["upstream"].endswith("-"):
        raise ValueError(f"not a Debian version: {version!r}")
    epoch, upstream, revision = match.groups()
    return int(epoch or 0), _part_key(upstream), _part_key(revision or "0")


def _part_key(part: str) -> tuple[int, ...]:
    """One flat tuple: the characters of a non-digit run, 0, the number after it, and so on, and 0 at the end.

    ``~`` is -1 and thus sorts before the end (0); letters sort before all other characters, which are shifted by 256.
    """
    flat: list[int] = []
    for text, digits in _PART.findall(part):
        if not text and not digits:
            continue
        for character in text:
            if character == "~":
                flat.append(-1)
            elif character.isalpha():
                flat.append(ord(character))
            else:
                flat.append(ord(character) + 256)
        flat.append(0)
        flat.append(int(digits or 0))
    flat.append(0)
    return tuple(flat)


def compare(left: str, right: str) -> int:
    """-1, 0 or 1 if ``left`` is older than, equal to or newer than ``right``."""
    a, b = key(left), key(right)
    return (a > b) - (a < b)


def satisfies(version: str, operator: str, wanted: str) -> bool:
    """Whether ``version`` has the relation ``operator`` (one of OPERATORS) to ``wanted``."""
    order = compare(version, wanted)
    if operator == "<<":
        return order < 0
    if operator == "<=":
        return order <= 0
    if operator == "=":
        return order == 0
    if operator == ">=":
        return order >= 0
    if operator == ">>":
        return order > 0
    raise ValueError(f"unknown version relation: {operator!r}")
