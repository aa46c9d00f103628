"""Read a Dockerfile: its instructions with their lines, by stage.

Source: Dockerfile reference, "Format", "Parser directives", "Here-documents", "Understand how ARG and FROM interact".
Nothing is executed, and only the images of stages are expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from grocker.regex import regex

DOCKERFILE = "Dockerfile"

_DIRECTIVE = regex(r"#\s*(?P<name>\w+)\s*=\s*(?P<value>\S+)\s*\Z")
_HEREDOC = regex(r"<<-?(['\"]?)(?P<end>\w+)\1")
_FLAG = regex(r"--[a-z][\w-]*(?:=(?:\"[^\"]*\"|'[^']*'|\S)*)?\s+")
_FROM = regex(r"(?P<image>\S+)(?:\s+AS\s+(?P<name>\S+))?\s*\Z", re.IGNORECASE)
_ARGUMENT = regex(r"(?P<name>[A-Za-z_]\w*)=(?P<value>\"[^\"]*\"|'[^']*'|\S*)")
_VARIABLE = regex(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?::?-(?P<default>[^}$]*))?\})")
_LONGEST = 1024
"""characters of an image's name"""
_PYTHON = regex(r"(?:.*/)?(?:python:|[^/:]+:(?:[\w.-]*-)?python-?)(?P<series>3\.\d{1,2})(?!\d)")


class Instruction(msgspec.Struct, frozen=True):
    """One instruction."""

    line: int
    """its first, from 1"""
    keyword: str
    """upper case"""
    flags: tuple[str, ...]
    """``--from=build``"""
    text: str
    """the rest, its lines joined"""

    @property
    def words(self) -> tuple[str, ...] | None:
        """The words of the exec form, a JSON array of strings; None for the shell form."""
        try:
            return tuple(msgspec.json.decode(self.text, type=list[str]))
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None


class Stage(msgspec.Struct, frozen=True):
    """A ``FROM`` and what follows."""

    image: str
    """with the defaults of the file's arguments"""
    name: str
    """lower case, empty if it has none"""
    line: int
    instructions: tuple[Instruction, ...]


class Start(msgspec.Struct, frozen=True):
    """What a container runs: the last ``ENTRYPOINT`` and the last ``CMD``."""

    entrypoint: Instruction | None
    """None too for an empty one, which takes back that of the base"""
    cmd: Instruction | None

    @property
    def first(self) -> Instruction | None:
        """The instruction that names the program."""
        return self.entrypoint or self.cmd

    @property
    def words(self) -> tuple[str, ...] | None:
        """The words of the exec form; None if there is none: a shell tells the words of ``first``."""
        words = self.first.words if self.first is not None else None
        if words is None or self.entrypoint is None or self.cmd is None or self.cmd.words is None:
            return words
        return (*words, *self.cmd.words)


def read_stages(text: str) -> tuple[Stage, ...]:
    """Return the stages of a Dockerfile, without what stands before the first ``FROM``."""
    stages: list[Stage] = []
    defaults: dict[str, str] = {}
    for one in _instructions(text):
        if one.keyword == "FROM":
            match = _FROM.match(one.text)
            image, name = (match["image"], match["name"] or "") if match else (one.text, "")
            stages.append(Stage(_expand(image, defaults), name.lower(), one.line, ()))
        elif not stages and one.keyword == "ARG":
            for found in _ARGUMENT.finditer(one.text):
                defaults[found["name"]] = _expand(found["value"].strip("\"'"), defaults)
        elif stages:
            last = stages[-1]
            stages[-1] = msgspec.structs.replace(last, instructions=(*last.instructions, one))
    return tuple(stages)


def final_stages(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return the last stage, after those that it is built upon."""
    chain: list[Stage] = []
    rest = list(stages)
    while rest:
        chain.append(rest.pop())
        names = [stage.name for stage in rest]
        image = chain[-1].image.lower()
        if image not in names:
            break
        del rest[names.index(image) + 1 :]
    return tuple(reversed(chain))


def last_instructions(stages: Sequence[Stage]) -> dict[str, Instruction]:
    """Return the last instruction of each keyword. ``stages``: as ``final_stages`` gives them."""
    return {one.keyword: one for stage in stages for one in stage.instructions}


def read_start(last: Mapping[str, Instruction]) -> Start:
    """Return what a container runs. ``last``: as ``last_instructions`` gives it."""
    entrypoint = last.get("ENTRYPOINT")
    return Start(None if entrypoint is not None and entrypoint.words == () else entrypoint, last.get("CMD"))


def python_series(image: str) -> str:
    """Return the Python that the name of a base image tells: ``3.12`` of ``python:3.12-slim``; empty if it does not."""
    match = _PYTHON.match(image[:_LONGEST])
    return match["series"] if match is not None else ""


def _expand(text: str, defaults: Mapping[str, str]) -> str:
    """Replace variables that are known, or have a default where they stand; nothing in what becomes too long."""

    def value(match: re.Match[str]) -> str:
        return defaults.get(match["plain"] or match["name"]) or match["default"] or match[0]

    expanded = _VARIABLE.sub(value, text)
    return expanded if len(expanded) <= _LONGEST else text


def _instructions(text: str) -> Iterator[Instruction]:
    lines = text.removeprefix("\ufeff").splitlines()
    escape = _escape(lines)
    at = 0
    while at < len(lines):
        start, line = at, lines[at].strip()
        at += 1
        if not line or line.startswith("#"):
            continue
        parts: list[str] = []
        while line.endswith(escape):
            parts.append(line[:-1].rstrip())
            line = ""
            while at < len(lines) and (not lines[at].strip() or lines[at].lstrip().startswith("#")):
                at += 1
            if at < len(lines):
                line = lines[at].strip()
                at += 1
        joined = " ".join(part for part in (*parts, line) if part)
        for ending in [match["end"] for match in _HEREDOC.finditer(joined)]:
            body = []
            while at < len(lines) and lines[at].strip() != ending:
                body.append(lines[at])
                at += 1
            at += 1
            joined = "\n".join((_HEREDOC.sub("", joined, count=1).rstrip(), *body))
        if not joined.strip():  # a continuation of nothing
            continue
        keyword, rest = (*joined.split(maxsplit=1), "")[:2]
        flags = []
        while match := _FLAG.match(rest):
            flags.append(match[0].strip())
            rest = rest[match.end() :]
        yield Instruction(start + 1, keyword.upper(), tuple(flags), rest)


def _escape(lines: Sequence[str]) -> str:
    """Return the character that continues a line: a backslash, unless a directive on top says otherwise."""
    for line in lines:
        match = _DIRECTIVE.match(line.strip())
        if match is None:
            break
        if match["name"].lower() == "escape" and match["value"] in ("\\", "`"):
            return match["value"]
    return "\\"
