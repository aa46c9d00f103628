"""What a project's Dockerfile starts: how the project is served, where its own files do not tell.

Only programs that the image will have count: the servers that Grocker brings, and the tree's own modules and scripts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence

from grocker.config import command_lines
from grocker.config.dockerfile import Instruction, Start, final_stages, last_instructions, read_stages, read_start
from grocker.config.services import DetectedApplication
from grocker.runner.contract import names

_LAUNCHERS = frozenset({"exec", "tini", "dumb-init", "catatonit", "--", "sh", "bash"})
_ENVIRONMENTS = frozenset({"uv", "poetry", "pipenv", "pdm", "hatch", "rye"})
"""programs that ``run`` another one"""
_PYTHON_OPTIONS = frozenset({"-u", "-O", "-OO", "-B", "-I", "-E", "-s"})
_PORT_OPTIONS = ("--port", "-p", "--bind", "-b")


def find_started(text: str, paths: Collection[str]) -> DetectedApplication:
    """Return what the last ``ENTRYPOINT`` and ``CMD`` of a Dockerfile start; nothing if that cannot be told.

    ``paths``: of the tree's files, relative to its top.
    """
    last = last_instructions(final_stages(read_stages(text)))
    words = _inner(_words(read_start(last)))
    if not words or command_lines.is_development(words) or any("$" in word for word in words):
        return DetectedApplication()
    served = command_lines.served_application(words)
    if served is not None:
        kind, target = served
        is_known = _module(target.partition(":")[0], paths) and not command_lines.says_more(words)
        return DetectedApplication(kind=kind, target=target) if is_known else DetectedApplication()
    command = _own_program(words, last.get("WORKDIR"), paths)
    if not command:
        return DetectedApplication()
    listens = "EXPOSE" in last or any(word.startswith(_PORT_OPTIONS) for word in command)
    return DetectedApplication(commands={"www" if listens else "worker": command})


def _words(start: Start) -> Sequence[str]:
    """Return the words of the command, none if it takes a shell to tell them."""
    words = start.words
    if words is None:
        return _simple(start.first.text) if start.first is not None else ()
    is_line = words[:1] in (("sh",), ("bash",)) and len(words) > 2 and re.fullmatch(r"-[a-z]*c", words[-2])
    return _simple(words[-1]) if is_line else words


def _simple(text: str) -> Sequence[str]:
    found = list(command_lines.commands(text))
    return found[0] if len(found) == 1 else ()


def _inner(words: Sequence[str]) -> Sequence[str]:
    """Return the words without the programs that only start another one."""
    while words:
        program = os.path.basename(words[0])
        if program in _LAUNCHERS:
            words = words[1:]
        elif program in _ENVIRONMENTS and [*words[1:2]] == ["run"]:
            words = words[2:]
            while words and words[0].startswith("--"):
                words = words[1:]
        else:
            break
    return words


def _own_program(words: Sequence[str], directory: Instruction | None, paths: Collection[str]) -> tuple[str, ...]:
    """Return the command of a module or script of the tree, which lies elsewhere in the image; empty if it is none."""
    rest = list(words[1:]) if os.path.basename(words[0]).startswith("python") else []
    while rest and rest[0] in _PYTHON_OPTIONS:
        del rest[0]
    if len(rest) > 1 and rest[0] == "-m":
        return ("python", "-m", *rest[1:]) if _module(rest[1], paths, is_program=True) else ()
    if not rest or not rest[0].endswith(".py"):
        return ()
    place = os.path.normpath(rest[0])
    if place.startswith("/"):
        place = os.path.relpath(place, directory.text.strip() if directory is not None else "/")
    return ("python", f"{names.APPLICATION}/{place}", *rest[1:]) if place in paths else ()


def _module(name: str, paths: Collection[str], *, is_program: bool = False) -> bool:
    """Tell whether the tree has a module. ``is_program``: one that can be run."""
    place = name.replace(".", "/")
    forms = (f"{place}.py", f"{place}/__main__.py" if is_program else f"{place}/__init__.py")
    return any(form in paths or f"src/{form}" in paths for form in forms)
