"""Front ends: a ``package.json`` with a script ``build``, and what its build writes. Nothing is executed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.inputs.tree_files import TreeFiles
from grocker.regex import regex

_LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
_TOOL = regex(r"(?P<manager>\w+)@(?P<version>\d+(?:\.\d+)*(?:-[\w.-]+)?)(?:\+.*)?")
"""``packageManager`` in ``package.json``"""
_DEEPEST = 3
"""directories of the project above a ``package.json``"""
_CONFIGURATIONS = regex(r"(?P<bundler>vite|webpack|rollup|astro|svelte|vue)\.config\.[cm]?[jt]s")
_RUN = regex(r"\b(?:(?:npm|pnpm) run(?:-script)?|yarn(?: run)?)\s+(?P<name>[\w:.-]+)")
_OPTION_CONFIGURATION = regex(r"(?:--config|-c)(?:=|\s+)(?P<path>[\w./-]+\.[cm]?[jt]s)\b")
_IMPORTED = regex(r"""(?:\brequire\(|\bfrom\s|\bimport\()\s*["'](?P<path>\.{1,2}/[^"'\n]+)["']""")
_MODULES = ("js", "cjs", "mjs", "ts")
_CONFIGURED = regex(
    r"""\b(?P<key>outDir|path|outputDir|dir|file)\s*:\s*(?:(?:\w+\.)?(?:resolve|join)\(\s*(?P<base>__dirname|import\.meta\.dirname"""
    r"""|process\.cwd\(\))\s*,\s*(?P<parts>["'][^"'\n]*["'](?:\s*,\s*["'][^"'\n]*["'])*)\s*,?\s*\)|["'](?P<plain>[^"'\n]+)["'])"""
)
_COMPUTED = regex(r"\b(?:outDir|outputDir)\s*:|\boutput\s*:\s*\{[^}]{0,2000}\bpath\b")
"""in a configuration: it says where the build writes, in whatever way"""
_ROOT = regex(r"""\broot\s*:\s*["'](?P<root>[^"'\n]+)["']""")
_OPTION = regex(r"(?:--(?:out-?dir|outDir|dist-dir|output-path|outfile|output)|-o)(?:=|\s+)[\"']?(?P<path>[^\s\"']+)")
_TEXT = regex(r"""["'](?P<text>[^"'\n]+)["']""")
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
_SHOWN = frozenset({"static", "templates", "assets", "public", "www"})
ASIDE = frozenset({"tests", "test", "docs"})
"""directories whose code says nothing of what the application needs"""


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
    tool: str = ""
    """what npm has the manager as: ``pnpm@9``; empty for npm itself, and where it has none"""

    @property
    def place(self) -> str:
        """The path of ``package.json``."""
        return os.path.join(self.directory, "package.json")

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
        tool = _find_tool(manager, named, read(os.path.join(directory, lock)) if lock and manager != "npm" else "")
        found.append(FrontEnd(directory, manager, lock, outputs, script, tool))
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
            if texts is None:
                own = [one for one in paths if one.endswith(".py") and ASIDE.isdisjoint(one.split("/"))]
                texts = [_read(files.root, path) for path in own]
            words = [re.compile(rf"[\"'/]{re.escape(part)}[\"'/]") for part in parts[-2:]]
            if any(all(word.search(text) for word in words) for text in texts):
                return one
    return None


def _find_tool(manager: str, named: object, lock: str) -> str:
    """Return the package of npm with the manager, in the version that ``packageManager`` or the lock file is of."""
    match = _TOOL.fullmatch(named) if isinstance(named, str) else None
    version = match["version"] if match is not None and match["manager"] == manager else ""
    if manager == "pnpm":
        written = re.search(r"(?m)^lockfileVersion:\s*['\"]?(\d+)", lock)
        return f"pnpm@{version or {5: 7, 6: 8}.get(int(written[1]) if written else 0, 9)}"
    if manager == "yarn":
        written = re.search(r"(?m)^__metadata:\s*\n\s+version:\s*['\"]?(\d+)", lock)
        version = version or ("1" if written is None else "4" if int(written[1]) >= 8 else "3")
        return f"yarn@{version}" if version.partition(".")[0] == "1" else f"@yarnpkg/cli-dist@{version}"
    return ""


def _find_outputs(
    directory: str, table: Mapping[str, Any], script: str, paths: Collection[str], read: Callable[[str], str]
) -> tuple[str, ...]:
    given: list[str] = []
    is_computed = False
    for command in _list_commands(script, _table(table, "scripts")):
        written = [match["path"] for match in _OPTION.finditer(command)]
        if not written:
            for path in _find_configurations(directory, command, paths, read):
                written += _read_configuration(path, directory, read(path))
                is_computed = is_computed or (not written and _COMPUTED.search(read(path)) is not None)
        given += written
    if is_computed:
        return ()
    if not given:
        dependencies = {**_table(table, "dependencies"), **_table(table, "devDependencies")}
        roots = (_ROOT.search(read(path)) for path in _find_configurations(directory, script, paths, read))
        root = next((match["root"] for match in roots if match), "")
        given = [os.path.join(root, place) for name, place in _DEFAULTS if name in dependencies][:1]
    found = []
    for one in given:
        place = os.path.normpath(os.path.join(directory, one))
        if place not in (".", directory) and not place.startswith(("../", "/")) and place != ".." and "$" not in place:
            found.append(place)
    return tuple(dict.fromkeys(found))


def _list_commands(script: str, scripts: Mapping[str, Any], depth: int = 3) -> Iterator[str]:
    """Yield the commands of a script, and those of the scripts that it runs."""
    for command in re.split(r"&&|\|\||[;|&\n]", script):
        inner = [scripts.get(match["name"]) for match in _RUN.finditer(command)]
        if not depth or not any(inner):
            yield command
        for one in inner if depth else ():
            if isinstance(one, str):
                yield from _list_commands(one, scripts, depth - 1)


def _find_configurations(
    directory: str, command: str, paths: Collection[str], read: Callable[[str], str]
) -> Iterator[str]:
    """Yield the configurations that a bundler's command names, else its own; and the files that they import."""
    given = [match["path"] for match in _OPTION_CONFIGURATION.finditer(command)]
    named = [os.path.normpath(os.path.join(directory, one)) for one in given]
    found = [one for one in named if one in paths] or sorted(
        one
        for one in paths
        if os.path.dirname(one) == directory
        and (match := _CONFIGURATIONS.fullmatch(os.path.basename(one)))
        and match["bundler"] in command
    )
    for path in found:
        yield path
        for match in _IMPORTED.finditer(read(path)):
            place = os.path.normpath(os.path.join(os.path.dirname(path), match["path"]))
            yield from (one for one in (place, *(f"{place}.{end}" for end in _MODULES)) if one in paths)


def _read_configuration(path: str, directory: str, text: str) -> Iterator[str]:
    """Yield where a bundler writes, relative to ``directory``, as its configuration says."""
    root = match["root"] if (match := _ROOT.search(text)) else ""
    above = os.path.relpath(os.path.dirname(path) or ".", directory or ".")
    for match in _CONFIGURED.finditer(text):
        if match["key"] in ("dir", "file") and "rollup" not in os.path.basename(path):
            continue
        if match["parts"]:
            base = "." if match["base"].startswith("process") else above
            yield os.path.join(base, *_TEXT.findall(match["parts"]))
        elif match["key"] != "path":  # a relative one is no output: webpack refuses it
            yield os.path.join(root, match["plain"])


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
