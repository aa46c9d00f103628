"""Split a shell command line into its commands, well enough to recognise them; nothing is expanded."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

_BETWEEN = frozenset({"&&", "||", ";", "|", "&", "\n", ";;"})
_WORDS_BEFORE = frozenset({"exec", "sudo", "env", "then", "do", "else", "if", "elif", "!", "{", "time"})


def commands(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each simple command, without variables that are set for it. Nothing for unbalanced quotes."""
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&\n")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        try:
            words = list(lexer)
        except ValueError:
            continue
        found: list[str] = []
        for word in [*words, ";"]:
            if word in _BETWEEN or set(word) <= set("();&|"):
                if found:
                    yield tuple(found)
                found = []
            elif found or not (word in _WORDS_BEFORE or _is_assignment(word)):
                found.append(word)


def is_simple(text: str) -> bool:
    """Tell whether a command line is one program with plain arguments, so that it needs no shell."""
    return not set(text) & set("$`;&|<>(){}*?!\n\\\"'~#")


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()
