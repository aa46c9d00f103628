"""The paths of an application that it writes to: links into ``/media``. Contract: E15.

They are those of the settings; without the setting, those that Grocker recognises in a source tree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from grocker.errors import SettingsError
from grocker.inputs.created_paths import ancestor, find_beside, find_relative
from grocker.inputs.tree_entries import ROOT
from grocker.runner.contract import names
from grocker.tar.entry import Directory, Entry, File, Symlink

INITIAL = names.INITIAL.removeprefix("/")
_DATABASES = (".db", ".sqlite", ".sqlite3")
"""endings of a path that is a file, not a directory"""
_BASE = re.compile(
    r"^[ \t]*(?P<name>BASE_?DIR|BASE_?PATH|PROJECT_?(?:DIR|ROOT)|ROOT_?DIR)\b[^=\n]*=(?P<value>.*__file__.*)$",
    re.M | re.I,
)
_FLASK = re.compile(r"\binstance_relative_config\s*=\s*True|\.instance_path\b")
_FLASK_NAME = re.compile(r"""\bFlask\(\s*(?:import_name\s*=\s*)?(?:__name__\b|["'](?P<name>[\w.]+)["'])""")
_FLASK_DATABASE = re.compile(r"""["']sqlite:///[\w.-]+["']""")


_CREATED = "directory that the code creates"


class WritablePath(msgspec.Struct, frozen=True):
    """A path of the application that is a link to the same path below ``/media``."""

    path: str
    """below ``/opt/app``, as a rule"""
    is_directory: bool
    why: str
    """for people"""
    outside: str = ""
    """the entry path of the link, if it is not below ``/opt/app``"""

    @property
    def link(self) -> str:
        """The entry path of the link."""
        return self.outside or f"{ROOT}/{self.path}"

    @property
    def text(self) -> str:
        """The path as ``image.json`` has it: a directory's ends with ``/``."""
        return f"{self.path}/" if self.is_directory else self.path

    @property
    def target(self) -> str:
        """Where the link leads."""
        return f"{names.MEDIA}/{self.path}"


def from_settings(given: Sequence[str], directory: Path | None, entries: Sequence[Entry]) -> tuple[WritablePath, ...]:
    """Check the paths of the settings. ``directory``: the project's; ``entries``: the application's files.

    Raises SettingsError for a path that is not below the application, lies in another one, or is code or a file.
    """
    paths = sorted({os.path.normpath(path) for path in given})
    for path in paths:
        outer = next((one for one in paths if path.startswith(f"{one}/")), None)
        if path == "." or outer is not None:
            what = f"lies in {outer!r}, which is writable too" if outer else "is the whole application"
            raise SettingsError(f"writable: {path!r} {what}", hint="name directories of data, each once")
        _check_content(path, directory, entries)
    return tuple(WritablePath(path, not path.endswith(_DATABASES), "settings") for path in paths)


def _check_content(path: str, directory: Path | None, entries: Sequence[Entry]) -> None:
    place = f"{ROOT}/{path}"
    above = {place, *(place[: match.start()] for match in re.finditer("/", place))}
    for entry in entries:
        if isinstance(entry, Symlink) and entry.path in above:
            link = entry.path.removeprefix(f"{ROOT}/")
            raise SettingsError(f"writable: {link!r} is a link", hint="name the directory that it leads to")
        if entry.path.startswith(f"{place}/") and entry.path.endswith(".py"):
            code = entry.path.removeprefix(f"{ROOT}/")
            raise SettingsError(
                f"writable: {path!r} contains code ({code}), which would stay as it was at the first start",
                hint="name a directory of data alone",
            )
    is_file = any(entry.path in above and isinstance(entry, File) for entry in entries)
    is_file = is_file or (directory is not None and (directory / path).is_file())
    if is_file and not path.endswith(_DATABASES):
        raise SettingsError(f"writable: {path!r} is a file", hint="name the directory of the files that are written")


def link(paths: Sequence[WritablePath], entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return ``entries`` with the links; the content at these paths moves to where the runner finds it."""
    links = [Symlink(one.link, one.target) for one in paths]

    def moved(entry: Entry) -> Entry:
        inside = any(entry.path == one.path or entry.path.startswith(f"{one.path}/") for one in links)
        if not inside:
            return entry
        return msgspec.structs.replace(entry, path=f"{INITIAL}/{entry.path.removeprefix(f'{ROOT}/')}")

    return (*map(moved, entries), *links)


def recognise(entries: Sequence[Entry], roots: Sequence[str], settings_module: str | None) -> tuple[WritablePath, ...]:
    """Return Flask's instance folder, SQLite databases, and directories and log files that the code of a source tree
    creates, unless the tree has files there.


    ``roots``: entry paths of the directories on ``sys.path``; ``settings_module``: Django's.
    """
    texts = _modules(entries)
    found = {path: WritablePath(path, True, "Flask's instance folder") for path in _instance_folders(texts, roots)}
    places = [{path: text} for path, text in texts.items() if "sqlite:///" in text]
    if settings_module is not None:
        places.append(_settings_files(texts, roots, settings_module))
    for files in places:
        found |= {path: WritablePath(path, False, "SQLite database") for path in _databases(files)}
    for path, text in texts.items():
        made = [(one, True) for one in find_beside(path, text) if one.startswith(f"{ROOT}/")]
        for place, is_directory in (*made, *find_relative(text)):
            inner = place.removeprefix(f"{ROOT}/")
            if not inner.startswith(".."):
                found.setdefault(inner, WritablePath(inner, is_directory, _CREATED if is_directory else "log file"))
    leaves = {entry.path for entry in entries if not isinstance(entry, Directory) and not _is_mark(entry.path)}

    def is_free(path: str) -> bool:
        place = f"{ROOT}/{path}"
        above = [place[: match.start()] for match in re.finditer("/", place)]
        inside = any(one == place or one.startswith(f"{place}/") for one in leaves)
        return not inside and leaves.isdisjoint(above) and not any(f"{ROOT}/{one}" in above for one in found)

    return tuple(found[path] for path in sorted(found) if is_free(path))


def recognise_installed(entries: Sequence[Entry], site: str) -> tuple[WritablePath, ...]:
    """Return what an installed package writes to: the instance folders of Flask's applications (Flask, "Instance
    Folders"), and directories that its code creates beside itself.

    ``site``: the entry path of the directory of its modules.
    """
    texts = {path: text for path, text in _modules(entries).items() if path.startswith(f"{site}/")}
    leaves = {entry.path for entry in entries if not isinstance(entry, Directory)}
    created = sorted({one for path, text in texts.items() for one in find_beside(path, text)})
    beside = tuple(
        WritablePath(one.removeprefix(f"{site}/"), True, _CREATED, one)
        for one in created
        if one.startswith(f"{site}/") and not any(leaf == one or leaf.startswith(f"{one}/") for leaf in leaves)
    )
    if not any(_FLASK.search(text) for text in texts.values()):
        return beside
    found = set()
    for path, text in texts.items():
        for match in _FLASK_NAME.finditer(text):
            module = path.removeprefix(f"{site}/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            found.add(f"{match['name'] or module}-instance")
    place = f"{names.VENV}/var".removeprefix("/")
    instances = (WritablePath(name, True, "Flask's instance folder", f"{place}/{name}") for name in sorted(found))
    return (*instances, *beside)


def _is_mark(path: str) -> bool:
    """Tell whether a file only keeps git from leaving out an empty directory."""
    return path.rpartition("/")[2] in (".gitkeep", ".keep")


def _modules(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the text of each module that is no test, by its entry path."""
    return {
        entry.path: entry.data.decode("utf-8", "replace")
        for entry in entries
        if isinstance(entry, File)
        and isinstance(entry.data, bytes)
        and entry.path.endswith(".py")
        and not re.search(r"/(?:tests?/|test_[^/]*$|conftest\.py$)", entry.path)
    }


def _instance_folders(texts: Mapping[str, str], roots: Sequence[str]) -> Iterator[str]:
    """Yield the folder beside each outermost module that uses one (Flask, "Instance Folders")."""
    for path, text in texts.items():
        uses = _FLASK.search(text) or ("flask_sqlalchemy" in text and _FLASK_DATABASE.search(text))
        root = max((one for one in roots if path.startswith(f"{one}/")), key=len, default=None)
        if uses and "flask" in text and root is not None:
            yield f"{root}/instance".removeprefix(f"{ROOT}/")


def _settings_files(texts: Mapping[str, str], roots: Sequence[str], module: str) -> dict[str, str]:
    """Return the settings module, and the other modules of a package that is called ``settings``."""
    inner = module.replace(".", "/")
    places = [f"{root}/{inner}" for root in roots]
    own = {path for place in places for path in (f"{place}.py", f"{place}/__init__.py") if path in texts}
    packages = {path.rpartition("/")[0] for path in own if path.split("/")[-2] == "settings"}
    return {path: text for path, text in texts.items() if path in own or path.rpartition("/")[0] in packages}


def _databases(files: Mapping[str, str]) -> Iterator[str]:
    """Yield the SQLite databases that modules place beside the code, by a name for the project's directory."""
    if not any("sqlite" in text for text in files.values()):
        return
    for text in files.values():
        for match in re.finditer(r"""["']NAME["']\s*:\s*["'](?P<path>[\w./-]+)["']""", text):
            yield from _below_root(f"{ROOT}/{match['path']}" if match["path"][0] != "/" else match["path"][1:])
    bases = {m["name"]: ancestor(path, m["value"]) for path, text in files.items() for m in _BASE.finditer(text)}
    for name, base in bases.items():
        inside = re.compile(
            rf"""\b{name}(?:\)?\s*/|\s*,|\}}/)\s*["']?(?P<path>[\w.-]+(?:["']\s*[/,]\s*["'][\w.-]+|/[\w.-]+)*)"""
        )
        for text in files.values():
            for match in inside.finditer(text):
                yield from _below_root(f"{base}/" + re.sub(r"""["']\s*[/,]\s*["']""", "/", match["path"]))


def _below_root(place: str) -> Iterator[str]:
    path = os.path.normpath(place).removeprefix(f"{ROOT}/")
    if path.endswith(_DATABASES) and place.startswith(f"{ROOT}/"):
        yield path
