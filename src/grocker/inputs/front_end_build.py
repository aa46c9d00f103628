"""The build of a front end: the commands, inputs and outputs that follow from a project's files."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from grocker import local_file
from grocker.inputs.front_end import ASIDE, FrontEnd
from grocker.inputs.tree_files import TreeFiles
from grocker.regex import regex

_PACKAGES = ("nodejs", "npm")
"""Debian's, which the commands need"""
_INSTALLS = {"npm": "ci", "yarn": "install --frozen-lockfile --ignore-engines", "pnpm": "install --frozen-lockfile"}
"""how a manager installs exactly what its lock file says; Yarn 1 alone refuses packages for another Node"""
_SOURCES = regex(r".+\.(?:[cm]?[jt]sx?|vue|svelte|s?css|sass|less|styl|hbs|ejs|html)")
_TOP = regex(
    r"(?:package(?:-lock)?|npm-shrinkwrap|tsconfig[\w.-]*|components|angular|babel\.config|postcss\.config)\.json"
    r"|[\w.-]+\.config\.[cm]?[jt]s|\.(?:babelrc|postcssrc|browserslistrc)[\w.]*|gulpfile\.\w+"
    r"|yarn\.lock|pnpm-lock\.yaml|pnpm-workspace\.yaml|\.yarnrc\.yml|webpack[\w.-]*\.[cm]?[jt]s"
)
"""files beside ``package.json`` that a build reads"""
_CHECKS = regex(r"\.?(?:eslint|stylelint|prettier|jest|vitest|playwright|cypress|commitlint)\b.*")
"""configurations beside it that no build reads"""
_NAMED = regex(r"""["'](?P<path>(?![/@])[^"'\n:?\[\0]{2,200})["']""")
"""in a configuration or a style sheet: what may be a path, or a pattern of paths"""
_GLOB = regex(r"[*{]")
_ENDINGS = regex(r"\*?\.(?:(?P<one>\w+)|\{(?P<several>[\w,]+)\})\Z")


def draft_build(front_end: FrontEnd, files: TreeFiles) -> dict[str, Any] | None:
    """Return the table ``[tool.grocker.build]`` that builds a front end; None if its manager cannot be had.

    ``files``: those of its project.
    """
    commands = _commands(front_end)
    if not commands:
        return None
    lock = _text(files, os.path.join(front_end.directory, front_end.lock)) if front_end.lock else ""
    packages = [*_PACKAGES, *(["git"] if re.search(r"\bgit\+|\bgit@", lock) else [])]
    return build_table(commands, find_inputs(front_end, files), front_end.outputs, packages)


def build_table(
    commands: Sequence[str], inputs: Sequence[str], outputs: Sequence[str], packages: Sequence[str] = _PACKAGES
) -> dict[str, Any]:
    """Return the table ``[tool.grocker.build]`` with a network. ``packages``: of Debian; ``inputs``: none are all."""
    table: dict[str, Any] = {"dependencies": list(packages), "commands": list(commands), "network": True}
    return {**table, **({"inputs": list(inputs)} if inputs else {}), "outputs": list(outputs)}


def _commands(front_end: FrontEnd) -> list[str]:
    if front_end.manager not in _INSTALLS:
        return []
    change = f"cd {shlex.quote(front_end.directory)} && " if front_end.directory else ""
    program = f"npx --yes {front_end.tool}" if front_end.tool else "npm"
    install = _INSTALLS[front_end.manager]
    if front_end.tool.startswith("@yarnpkg/"):
        install = "install --immutable"
    return [f"{change}{program} {install if front_end.lock else 'install'}", f"{change}{program} run build"]


def find_inputs(front_end: FrontEnd, files: TreeFiles) -> list[str]:
    """Return patterns of the files that the build of a front end reads; none: all of the project may be.

    These are the files below its directory. At the top of the project, they are its configuration, its sources with
    what lies beside them as far up as there is no Python, and what the configuration and style sheets name.
    """
    paths = [one.path for one in files.files if not front_end.writes(one.path)]
    below = f"{front_end.directory}/" if front_end.directory else ""
    mixed = set(_directories_above(path for path in paths if path.endswith(".py")))
    named = _named_inputs(front_end, files, paths, mixed)
    if below:
        return [f"{below}**", *(one for one in named if not one.startswith(below))]
    if _scans_everything(files, paths):
        return []
    found = {path for path in paths if "/" not in path and _TOP.fullmatch(path) and not _CHECKS.fullmatch(path)}
    found.update(named)
    for path in paths:
        above = os.path.dirname(path)
        if above and _SOURCES.fullmatch(path) and ASIDE.isdisjoint(path.split("/")):
            found.add(f"{above}/*{os.path.splitext(path)[1]}" if above in mixed else _whole(above, mixed))
    whole = tuple(one.removesuffix("**") for one in found if one.endswith("/**"))
    return sorted(one for one in found if not any(one.startswith(w) and one != f"{w}**" for w in whole))


def _scans_everything(files: TreeFiles, paths: Collection[str]) -> bool:
    """Tell whether the build looks for class names in all files of the project, as Tailwind CSS does from version 4."""
    sheets = (path for path in paths if path.endswith(".css"))
    return any(re.search(r"""@import\s+["']tailwindcss["'/]""", _text(files, path)) for path in sheets)


def _named_inputs(front_end: FrontEnd, files: TreeFiles, paths: Sequence[str], mixed: Collection[str]) -> list[str]:
    """Return patterns of what configurations and style sheets name, and what of it the project has."""
    known, directories = set(paths), set(_directories_above(paths))
    found: set[str] = set()
    for path in paths:
        above = os.path.dirname(path)
        is_own = f"{path}/".startswith(f"{front_end.directory}/") if front_end.directory else True
        is_top = above == front_end.directory and _TOP.fullmatch(os.path.basename(path)) is not None
        if not is_own or not (is_top or path.endswith(".css")) or not _is_read(os.path.basename(path)):
            continue
        for match in _NAMED.finditer(_text(files, path)):
            for base in dict.fromkeys((above, front_end.directory)):
                found.update(_resolve(base, match["path"], known, directories, mixed))
    return sorted(found)


def _is_read(name: str) -> bool:
    return name != "package.json" and "lock" not in name and _CHECKS.fullmatch(name) is None


def _resolve(
    base: str, text: str, known: Collection[str], directories: Collection[str], mixed: Collection[str]
) -> Iterator[str]:
    """Yield patterns for a path or a pattern that a file in ``base`` names."""
    glob = _GLOB.search(text)
    fixed = text if glob is None else text[: glob.start()].rpartition("/")[0]
    place = os.path.normpath(os.path.join(base, fixed))
    place = "" if place == "." else place
    if place.startswith(".."):
        return
    if glob is None:
        if place in known:
            yield place
        elif place in directories and place not in mixed:
            yield f"{place}/**"
        return
    ending = _ENDINGS.search(text)
    if ending is None or (place not in directories if place else "**" not in text):
        return
    above = f"{place}/" if place else ""
    for one in (ending["one"] or ending["several"]).split(","):
        if any(path.startswith(above) and path.endswith(f".{one}") for path in known):
            yield f"{above}**/*.{one}"


def _directories_above(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        while path := os.path.dirname(path):
            yield path


def _whole(directory: str, mixed: Collection[str]) -> str:
    """Return the pattern of the highest directory around ``directory`` that has no Python in it."""
    while (above := os.path.dirname(directory)) and above not in mixed:
        directory = above
    return f"{directory}/**"


def _text(files: TreeFiles, path: str) -> str:
    try:
        return local_file.read(files.root / path).decode("utf-8", "replace")
    except OSError:
        return ""
