"""The WWW-Authenticate header: what a 401 asks for.

Sources: RFC 9110, sections 11.2, 11.3 and 11.6.1; Docker Registry v2 token authentication (``realm``, ``service``,
``scope``). Several challenges may share one header, and commas appear both between and in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from grocker.regex import regex

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = regex(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = regex(rf"({_WORD})(?=[\s,]|\Z)(?![ \t]*=[^=])")
_TOKEN68 = regex(r"[A-Za-z0-9._~+/-]+=*(?=[\s,]|\Z)")
_LONGEST = 16_384  # characters; no registry sends more


class Challenge(msgspec.Struct, frozen=True):
    """One way to authenticate."""

    scheme: str
    """in lower case: ``basic``, ``bearer``"""
    parameters: Mapping[str, str]
    """by name in lower case"""


def parse(header: str) -> tuple[Challenge, ...]:
    """Parse the challenges in a header, in its order; malformed parts are skipped. Raises nothing."""
    text = header[:_LONGEST]
    found: list[tuple[str, dict[str, str]]] = []
    place = 0
    while place < len(text):
        if text[place] in " \t,\r\n":
            place += 1
        elif match := _PARAMETER.match(text, place):
            if found:
                quoted, plain = match[2], match[3]
                value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
                found[-1][1].setdefault(match[1].lower(), value)
            place = match.end()
        elif match := _SCHEME.match(text, place):
            found.append((match[1].lower(), {}))
            place = match.end()
        elif match := _TOKEN68.match(text, place):
            place = match.end()
        else:
            place += 1
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def merge_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Merge scopes for one request, as ``repository:team/polls:pull,push``: each resource once, sorted.

    Source: Docker Registry v2, "Token Scope Documentation".
    """
    actions: dict[str, set[str]] = {}
    for scope in scopes:
        resource, colon, listed = scope.rpartition(":")
        if colon and resource:
            actions.setdefault(resource, set()).update(one for one in listed.split(",") if one)
    return tuple(f"{resource}:{','.join(sorted(actions[resource]))}" for resource in sorted(actions))
