"""Links that choose between programs of one purpose, as ``update-alternatives --install`` in postinst makes them.

Source: update-alternatives(1). Calls with literal arguments are carried out; those that a shell would expand are not.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Set

import msgspec

from grocker.debian.facts import Facts
from grocker.debian.paths import merge_usr
from grocker.regex import regex
from grocker.tar.entry import Directory, Entry, Symlink

_CALL = regex(r"update-alternatives\s+(?:--(?:force|quiet)\s+)*--install\s+([^\n;&|<>]*)")
_LOOP = regex(
    r"^[ \t]*for[ \t]+(?P<name>\w+)[ \t]+in[ \t]+(?P<words>[\w./+ \t-]+?)[ \t]*(?:;|\n)\s*do\b(?P<body>.*?)^\s*done\b",
    re.MULTILINE | re.DOTALL,
)
_LITERAL = regex(r"[A-Za-z0-9/._+:@%=,-]+\Z")


class Alternative(msgspec.Struct, frozen=True):
    """One candidate for a link."""

    name: str
    link: str
    path: str
    priority: int
    slaves: tuple[tuple[str, str, str], ...] = ()
    """link, name, path"""


def calls(script: str) -> Iterator[tuple[str, Alternative | None]]:
    """Each ``update-alternatives --install`` of a script: its words, and the candidate, or None if not literal."""
    text = _LOOP.sub(_unrolled, script.replace("\\\n", " "))
    for match in _CALL.finditer(text):
        text = match[1]
        try:
            words = shlex.split(text)
        except ValueError:
            yield text, None
            continue
        yield text, _alternative(words)


def _unrolled(loop: re.Match[str]) -> str:
    """The body of a loop over literal words, once per word."""
    name = re.compile(rf"\$(?:\{{{loop['name']}\}}|{loop['name']}\b)")
    return "".join(name.sub(lambda _, word=word: word, loop["body"]) for word in loop["words"].split())


def _alternative(words: list[str]) -> Alternative | None:
    if len(words) < 4 or not words[3].lstrip("-").isdigit() or not all(_LITERAL.match(word) for word in words):
        return None
    slaves = []
    rest = words[4:]
    while rest:
        if rest[0] != "--slave" or len(rest) < 4:
            return None
        slaves.append((rest[1], rest[2], rest[3]))
        rest = rest[4:]
    return Alternative(words[1], words[0], words[2], int(words[3]), tuple(slaves))


def entries(facts: Iterable[Facts], present: Set[str]) -> list[Entry]:
    """The links; ``present``: the paths (merged) of all packages. Of equal priorities, the first package's wins."""
    best: dict[str, Alternative] = {}
    for package in facts:
        for _, found in calls(package.scripts.get("postinst", "")):
            if found is not None and merge_usr(found.path.lstrip("/")) in present:
                taken = best.get(found.name)
                if taken is None or taken.priority < found.priority:
                    best[found.name] = found
    made: dict[str, Entry] = {}
    for name in sorted(best):
        alternative = best[name]
        for link, own, path in ((alternative.link, name, alternative.path), *alternative.slaves):
            place = merge_usr(posixpath.normpath(link).lstrip("/"))
            if merge_usr(path.lstrip("/")) in present and place not in present:
                made[place] = Symlink(place, f"/etc/alternatives/{own}")
                made[f"etc/alternatives/{own}"] = Symlink(f"etc/alternatives/{own}", path)
    return [Directory("etc/alternatives"), *made.values()]
