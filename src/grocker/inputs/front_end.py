"""Front ends: a ``package.json`` with a script ``build``, and what its build writes. Nothing is executed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.inputs.tree_files import TreeFiles

_LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
_DEEPEST = 3
"""directories of the project above a ``package.json``"""
_CONFIGURATIONS = re.compile(r"(?:vite|webpack|rollup|astro|svelte|vue)\.config\.[cm]?[jt]s")
_CONFIGURED = re.compile(
    r"""(?:\boutDir|\bpath|\boutputDir|\bdir)\s*:\s*(?:(?:\w+\.)?(?:resolve|join)\(\s*(?:__dirname|import\.meta\.dirname"""
    r"""|process\.cwd\(\))\s*,\s*(?P<parts>["'][^"'\n]*["'](?:\s*,\s*["'][^"'\n]*["'])*)\s*\)|["'](?P<plain>[^"'\n]+)["'])"""
)
_ROOT = re.compile(r"""\broot\s*:\s*["'](?P<root>[^"'\n]+)["']""")
_OPTION = re.compile(
    r"(?:--(?:out-?dir|outDir|dist-dir|output-path|outfile|output)|-o)(?:=|\s+)[\"']?(?P<path>[^\s\"']+)"
)
_TEXT = re.compile(r"""["'](?P<text>[^"'\n]+)["']""")
_DEFAULTS = (
    ("react-scripts", "build"),
    ("@sveltejs/kit", "build"),
    ("vite", "dist"),
    ("webpack", "dist"),
    ("parcel", "dist"),
    ("@vue/cli-service", "dist"),
    ("@angular/cli", "dist"),
)
"""dependencies, and where they write by default"""
_SOURCES = re.compile(r".+\.(?:[cm]?[jt]sx?|vue|svelte|s?css|sass|less|styl|hbs|ejs|html)")
_TOP = re.compile(
    r"(?:package(?:-lock)?|npm-shrinkwrap|tsconfig[\w.-]*|components|angular|babel\.config|postcss\.config)\.json"
    r"|[\w.-]+\.config\.[cm]?[jt]s|\.(?:babelrc|postcssrc|browserslistrc)[\w.]*|gulpfile\.\w+"
)
"""files beside ``package.json`` that a build reads"""
_SHOWN = frozenset({"static", "templates", "assets", "public", "www"})


class FrontEnd(msgspec.Struct, frozen=True):
    """A front end that a project builds with a package manager of JavaScript."""

    directory: str
    """relative to the project; empty for its top"""
    manager: str
    """``npm``, ``yarn``, ``pnpm`` or ``bun``"""
    lock: str
    """the name of its lock file; empty if there is none"""
    outputs: tuple[str, ...]
    """what its build writes, relative to the project"""
    script: str
    """what ``build`` runs"""

    @property
    def place(self) -> str:
        """The path of ``package.json``."""
        return os.path.join(self.directory, "package.json")

    def commands(self) -> list[str]:
        """Return the commands that build it; npm's alone."""
        change = f"cd {self.directory} && " if self.directory else ""
        return [f"{change}npm {'ci' if self.lock else 'install'}", f"{change}npm run build"]

    def inputs(self, paths: Iterable[str]) -> list[str]:
        """Return patterns of the files that its build reads. ``paths``: the project's files."""
        if self.directory:
            return [f"{self.directory}/**"]
        sources = [path for path in paths if not self.writes(path)]
        found = {path for path in sources if "/" not in path and _TOP.fullmatch(path)}
        python = {os.path.dirname(path) for path in sources if path.endswith(".py")}
        for path in sources:
            above = os.path.dirname(path)
            if above and _SOURCES.fullmatch(path):
                is_mixed = any(f"{one}/".startswith(f"{above}/") for one in python)
                found.add(f"{above}/*{os.path.splitext(path)[1]}" if is_mixed else f"{above}/**")
        whole = [one.removesuffix("**") for one in found if one.endswith("/**")]
        return sorted(one for one in found if not any(one.startswith(w) and one != f"{w}**" for w in whole))

    def writes(self, path: str) -> bool:
        """Whether a file lies at or below its outputs."""
        return any(f"{path}/".startswith(f"{one}/") for one in self.outputs)


def find_front_ends(files: TreeFiles) -> list[FrontEnd]:
    """Find the front ends among the files of a project, those at its top first."""
    paths = frozenset(one.path for one in files.files)
    read = partial(_read, files.root)
    found: list[FrontEnd] = []
    for path in sorted(
        (one for one in paths if os.path.basename(one) == "package.json"), key=lambda p: (p.count("/"), p)
    ):
        directory = os.path.dirname(path)
        if path.count("/") > _DEEPEST or any(f"{directory}/".startswith(f"{one.directory}/") for one in found):
            continue
        table = _decode(read(path))
        script = _table(table, "scripts").get("build")
        if not isinstance(script, str) or not script.strip():
            continue
        lock = next((name for name in _LOCKS if os.path.join(directory, name) in paths), "")
        manager = _LOCKS.get(lock, "npm")
        named = table.get("packageManager")
        if not lock and isinstance(named, str) and named.partition("@")[0] in _LOCKS.values():
            manager = named.partition("@")[0]
        outputs = _find_outputs(directory, table, script, paths, read)
        found.append(FrontEnd(directory, manager, lock, outputs, script))
    return found


def find_unbuilt(front_ends: Iterable[FrontEnd], files: TreeFiles) -> FrontEnd | None:
    """Return the first front end whose outputs the project's code uses, and which are not among its files.

    A front end whose outputs are not known is none, and one that writes into a directory of the code's own static files
    or templates is used.
    """
    paths = [one.path for one in files.files]
    texts: list[str] | None = None
    packages = {os.path.dirname(path) for path in paths if path.endswith(".py")}
    for one in front_ends:
        if not one.outputs or any(one.writes(path) for path in paths):
            continue
        for output in one.outputs:
            parts = output.split("/")
            if not _SHOWN.isdisjoint(parts) and any(
                f"{output}/".startswith(f"{place}/") for place in packages if place
            ):
                return one
            texts = [_read(files.root, path) for path in paths if path.endswith(".py")] if texts is None else texts
            if any(re.search(rf"[\"'/]{re.escape(parts[-1])}[\"'/]", text) for text in texts):
                return one
    return None


def _find_outputs(
    directory: str, table: Mapping[str, Any], script: str, paths: Collection[str], read: Callable[[str], str]
) -> tuple[str, ...]:
    given = [match["path"] for match in _OPTION.finditer(script)]
    configurations = [
        one for one in paths if os.path.dirname(one) == directory and _CONFIGURATIONS.fullmatch(os.path.basename(one))
    ]
    root = ""
    for path in configurations if not given else ():
        text = read(path)
        root = match["root"] if (match := _ROOT.search(text)) else ""
        for match in _CONFIGURED.finditer(text):
            parts = _TEXT.findall(match["parts"]) if match["parts"] else [os.path.join(root, match["plain"])]
            if parts:  # else it is the front end's own directory
                given.append(os.path.join(*parts))
    if not given:
        dependencies = {**_table(table, "dependencies"), **_table(table, "devDependencies")}
        given = [os.path.join(root, place) for name, place in _DEFAULTS if name in dependencies][:1]
    found = []
    for one in given:
        place = os.path.normpath(os.path.join(directory, one))
        if place != "." and not place.startswith(("../", "/")) and place != ".." and "$" not in place:
            found.append(place)
    return tuple(dict.fromkeys(found))


def _read(root: Path, path: str) -> str:
    try:
        return local_file.read(root / path).decode("utf-8", "replace")
    except OSError:
        return ""


def _decode(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}
