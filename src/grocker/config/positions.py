"""The line of each table, key and array element of a TOML text: ``tomllib`` does not provide line numbers.

Source: TOML 1.0.0. The text must be valid: ``tomllib`` has parsed it before.
"""

from __future__ import annotations

import re
import tomllib

from grocker.regex import regex

KeyPath = tuple[str | int, ...]
"""The keys from the top of the document, an index for each array on the way."""

_BLANK = regex(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_BARE = regex(r"[A-Za-z0-9_-]+")
_SCALAR = regex(r"[^,\]}#\n]+")
_STRING = regex(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def find_lines(text: str) -> dict[KeyPath, int]:
    """The line, from 1, on which each key of a valid TOML text first appears."""
    scan = _Scan(text)
    scan.document()
    return scan.found


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.found: dict[KeyPath, int] = {}
        self.lengths: dict[KeyPath, int] = {}
        """of arrays of tables, so far"""

    def document(self) -> None:
        table: KeyPath = ()
        while self._blank():
            if self.text.startswith("[[", self.at):
                table = self._header(2)
                number = self.lengths.get(table, 0)
                self.lengths[table] = number + 1
                table = (*table, number)
                self._note(table)
            elif self.text[self.at] == "[":
                table = self._header(1)
            else:
                self._pair(table)

    def _header(self, brackets: int) -> KeyPath:
        self.at += brackets
        path: KeyPath = ()
        names = self._dotted()
        for number, name in enumerate(names, 1):
            path = (*path, name)
            self._note(path)
            if path in self.lengths and (brackets == 1 or number < len(names)):
                path = (*path, self.lengths[path] - 1)
        self.at += brackets
        return path

    def _pair(self, table: KeyPath) -> None:
        path = table
        for name in self._dotted():
            path = (*path, name)
            self._note(path)
        self.at += 1  # the equals sign
        self._blank()
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self._take(_STRING)
        elif first == "[":
            self.at += 1
            number = 0
            while self._blank() and self.text[self.at] != "]":
                self._note((*path, number))
                self._value((*path, number))
                number += 1
                self._comma()
            self.at += 1
        elif first == "{":
            self.at += 1
            while self._blank() and self.text[self.at] != "}":
                self._pair(path)
                self._comma()
            self.at += 1
        else:
            self._take(_SCALAR)

    def _dotted(self) -> list[str]:
        names: list[str] = []
        while True:
            self._blank()
            if self.text[self.at] in "\"'":
                names.append(tomllib.loads("key = " + self._take(_STRING))["key"])
            else:
                names.append(self._take(_BARE))
            self._blank()
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def _comma(self) -> None:
        self._blank()
        if self.text[self.at] == ",":
            self.at += 1

    def _blank(self) -> bool:
        """Skip white space, line ends and comments; return whether anything follows."""
        self._take(_BLANK)
        return self.at < len(self.text)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        assert match is not None, f"invalid TOML at character {self.at}"
        self.at = match.end()
        self.line += match[0].count("\n")
        return match[0]

    def _note(self, path: KeyPath) -> None:
        self.found.setdefault(path, self.line)
