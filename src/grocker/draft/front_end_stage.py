"""Translate a stage of a Dockerfile that builds a front end, and the ``COPY --from`` that takes its output."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

import msgspec

from grocker.config import command_lines
from grocker.config.dockerfile import Instruction, Stage
from grocker.regex import regex

_NPM = frozenset({"npm", "npx", "node"})
_CONTROL = frozenset({"for", "while", "if", "case", "until"})
_FILE = regex(r"(?:.*/)?(?:package[\w*.-]*|npm-shrinkwrap\.json|\.npmrc|[\w*-]+(?:\.[\w*-]+)*\.(?:json|[cm]?[jt]s))")


class StageBuild(msgspec.Struct, frozen=True):
    """What a stage does, as settings."""

    commands: tuple[str, ...]
    outputs: tuple[str, ...]


def translate_front_end(stages: Sequence[Stage], chain: Sequence[Stage]) -> StageBuild | None:
    """Translate the first stage that runs npm and nothing else; None if none is that simple.

    ``chain``: the last stage, after those that it is built upon.
    """
    for number, stage in enumerate(stages):
        if stage in chain:
            continue
        commands = list(_commands(stage))
        if not commands or any(command is None for command in commands):
            continue
        copies = [
            copy
            for one in (one for part in chain for one in part.instructions)
            if _source(one) in ({stage.name, str(number)} - {""}) and (copy := _words(one)) is not None
        ]
        own, last = _places(stage.instructions), [one for part in chain for one in part.instructions]
        moved = [_move(copy, own, _places(last), _workdir(last)) for copy in copies]
        if not moved or any(one is None for one in moved):
            continue
        lines = [command for command in commands if command]
        pairs = [one for one in moved if one is not None]
        lines += [f"mkdir -p {target} && cp -r {made}/. {target}/" for made, target in pairs if made != target]
        return StageBuild(tuple(lines), tuple(target for _, target in pairs))
    return None


def _commands(stage: Stage) -> Iterator[str | None]:
    """Yield the stage's commands in the project's directory; None for one that is not npm's."""
    seen: list[Instruction] = []
    for one in stage.instructions:
        seen.append(one)
        if one.keyword != "RUN":
            continue
        workdir, places = _workdir(seen), _places(seen)
        directory = _to_project(workdir, places)
        if directory is None or (one.words is None and "\n" in one.text):
            yield None
            continue
        steps = [tuple(one.words)] if one.words else list(command_lines.commands(one.text))
        if not steps or any(step[0] not in _NPM or _CONTROL & {*step} or "$" in " ".join(step) for step in steps):
            yield None
            continue
        change = f"cd {directory} && " if directory != "." else ""
        yield from (f"{change}{' '.join(step)}" for step in steps)


def _workdir(instructions: Sequence[Instruction]) -> str:
    place = "/"
    for one in instructions:
        if one.keyword == "WORKDIR":
            place = posixpath.normpath(posixpath.join(place, one.text.strip().strip("\"'")))
    return place


def _words(one: Instruction) -> tuple[str, str] | None:
    words = one.words or tuple(one.text.split())
    return (words[0], words[1]) if len(words) == 2 and not any(set("$*?\"'") & {*word} for word in words) else None


def _source(one: Instruction) -> str:
    if one.keyword != "COPY":
        return ""
    return next((flag.partition("=")[2].lower() for flag in one.flags if flag.startswith("--from=")), "")


def _places(instructions: Sequence[Instruction]) -> dict[str, str]:
    """Return where directories of the project are: project's paths by those in the image, "." for its top."""
    found: dict[str, str] = {}
    seen: list[Instruction] = []
    for one in instructions:
        seen.append(one)
        if one.keyword not in ("COPY", "ADD") or _source(one):
            continue
        words = one.words or tuple(one.text.split())
        if len(words) < 2:
            continue
        target = posixpath.normpath(posixpath.join(_workdir(seen), words[-1]))
        for word in words[:-1]:
            place = posixpath.normpath(word.lstrip("/") or ".")
            if _FILE.fullmatch(place):
                found.setdefault(target, posixpath.dirname(place) or ".")
            elif not set("$*?") & {*place} and not place.startswith(".."):
                found[target] = place
    return found


def _to_project(path: str, places: dict[str, str]) -> str | None:
    """Return the project's path of one in the image; the deepest directory that was copied counts."""
    for place in sorted(places, key=len, reverse=True):
        if f"{path}/".startswith(f"{place.rstrip('/')}/"):
            found = posixpath.normpath(posixpath.join(places[place], posixpath.relpath(path, place)))
            return None if found.startswith("..") else found
    return None


def _move(copy: tuple[str, str], own: dict[str, str], final: dict[str, str], workdir: str) -> tuple[str, str] | None:
    """Return where an output is built and where the application wants it, in the project."""
    made = _to_project(posixpath.normpath(posixpath.join("/", copy[0])), own)
    target = _to_project(posixpath.normpath(posixpath.join(workdir, copy[1])), final)
    return (made, target) if made not in (None, ".") and target not in (None, ".") and made and target else None
