"""Control files: stanzas of fields, and the fields that relate packages to each other.

Source: Debian Policy 5.1 (syntax of control files), 7.1 (syntax of relationship fields); deb822(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import msgspec

from grocker.debian import version as debian_version
from grocker.regex import regex

_RELATION = regex(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*)(?::(?P<qualifier>[a-z0-9-]+))?"
    r"\s*(?:\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*(?P<version>[A-Za-z0-9.+~:-]+)\s*\))?\s*\Z"
)
# Policy 7.1: the obsolete `<` and `>` mean "or equal".
_OBSOLETE = {"<": "<=", ">": ">="}


class Relation(msgspec.Struct, frozen=True):
    """One package, perhaps with a version, as a relationship field names it."""

    name: str
    operator: str = ""
    """one of version.OPERATORS, or empty"""
    version: str = ""
    qualifier: str = ""
    """the architecture after ``:``, as ``any`` or ``native``"""

    def accepts(self, version: str) -> bool:
        """Whether a package of this version satisfies the relation."""
        return not self.operator or debian_version.satisfies(version, self.operator, self.version)

    def __str__(self) -> str:
        qualifier = f":{self.qualifier}" if self.qualifier else ""
        return f"{self.name}{qualifier}" + (f" ({self.operator} {self.version})" if self.operator else "")


Alternatives = tuple[Relation, ...]
"""Relations of which one suffices, the preferred first."""


@cache
def relations(field: str) -> tuple[Alternatives, ...]:
    """The value of a relationship field: one alternative of each group is required.

    Raises ValueError when it is malformed.
    """
    groups: list[Alternatives] = []
    for group in field.replace("\n", " ").split(","):
        if not group.strip():
            continue
        groups.append(tuple(_relation(text.strip()) for text in group.split("|")))
    return tuple(groups)


def _relation(text: str) -> Relation:
    match = _RELATION.match(text)
    if match is None:
        raise ValueError(f"malformed relation {text!r}")
    operator, wanted = match["operator"] or "", match["version"] or ""
    if wanted:
        debian_version.key(wanted)  # so that ``accepts`` can compare it
    return Relation(match["name"], _OBSOLETE.get(operator, operator), wanted, match["qualifier"] or "")


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The stanzas of a control file as fields by name, in order.

    A value keeps its line breaks, without the leading white space of continuation lines; comments are dropped.
    Raises ValueError for a line that is neither a field nor a continuation.
    """
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if not name:
                raise ValueError(f"continuation line without a field: {line!r}")
            fields[name] += "\n" + line.strip()
        else:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ValueError(f"not a field: {line!r}")
            if name in fields:
                raise ValueError(f"duplicate field {name}")
            fields[name] = value.strip()
    if fields:
        yield fields


def stanza(text: str) -> dict[str, str]:
    """The only stanza of ``text``. Raises ValueError when there is not exactly one."""
    found = list(stanzas(text))
    if len(found) != 1:
        raise ValueError(f"expected one stanza, got {len(found)}")
    return found[0]
