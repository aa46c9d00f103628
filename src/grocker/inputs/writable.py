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
from grocker.inputs.created_paths import find_relative
from grocker.inputs.made_directories import find_databases, find_made_directories
from grocker.inputs.tree_entries import ROOT
from grocker.regex import regex
from grocker.runner.contract import names
from grocker.tar.entry import Directory, Entry, File, Symlink

INITIAL = names.INITIAL.removeprefix("/")
_MADE = "made by the application"
_DATABASES = (".db", ".sqlite", ".sqlite3")
"""endings of a path that is a file, not a directory"""
_BASE = regex(
    r"^[ \t]*(?P<name>BASE_?DIR|BASE_?PATH|PROJECT_?(?:DIR|ROOT)|ROOT_?DIR)\b[^=\n]*=(?P<value>.*__file__.*)$",
    re.M | re.I,
)
_FLASK = regex(r"\binstance_relative_config\s*=\s*True|\.instance_path\b")
_FLASK_NAME = regex(r"""\bFlask\(\s*(?:import_name\s*=\s*)?(?:__name__\b|["'](?P<name>[\w.]+)["'])""")
_FLASK_DATABASE = regex(r"""["']sqlite:///[\w.-]+["']""")


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
            raise SettingsError(f"writable: {path!r} {what}", hint="name directories that contain data, each once")
        _check_content(path, directory, entries)
    return tuple(WritablePath(path, not path.endswith(_DATABASES), "settings") for path in paths)


def _check_content(path: str, directory: Path | None, entries: Sequence[Entry]) -> None:
    place = f"{ROOT}/{path}"
    above = {place, *(place[: match.start()] for match in re.finditer("/", place))}
    for entry in entries:
        if isinstance(entry, Symlink) and entry.path in above:
            link = entry.path.removeprefix(f"{ROOT}/")
            raise SettingsError(f"writable: {link!r} is a link", hint="name the directory that it points to")
        if entry.path.startswith(f"{place}/") and entry.path.endswith(".py"):
            code = entry.path.removeprefix(f"{ROOT}/")
            raise SettingsError(
                f"writable: {path!r} contains code ({code}), which a newer image could not update",
                hint="name a directory that contains only data",
            )
    is_file = any(entry.path in above and isinstance(entry, File) for entry in entries)
    is_file = is_file or (directory is not None and (directory / path).is_file())
    if is_file and not path.endswith(_DATABASES):
        raise SettingsError(f"writable: {path!r} is a file", hint="name the directory that the application writes to")


def link(paths: Sequence[WritablePath], entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return ``entries`` with the links; the content at these paths moves to where the runner finds it."""
    links = [Symlink(one.link, one.target) for one in paths]

    def moved(entry: Entry) -> Entry:
        inside = any(entry.path == one.path or entry.path.startswith(f"{one.path}/") for one in links)
        if not inside:
            return entry
        one = next(one for one in paths if entry.path == one.link or entry.path.startswith(f"{one.link}/"))
        return msgspec.structs.replace(entry, path=f"{INITIAL}/{one.path}{entry.path.removeprefix(one.link)}")

    return (*map(moved, entries), *links)


def recognise(entries: Sequence[Entry], roots: Sequence[str], settings_module: str | None) -> tuple[WritablePath, ...]:
    """Return Flask's instance folder, SQLite databases, and directories and log files that modules make.

    What the tree has files at is left out, except for placeholders such as ``.gitkeep``.

    ``roots``: entry paths of the directories on ``sys.path``; ``settings_module``: Django's.
    """
    texts = _modules(entries)
    found = {path: WritablePath(path, True, "Flask's instance folder") for path in _instance_folders(texts, roots)}
    places = [{path: text} for path, text in texts.items() if "sqlite:///" in text]
    if settings_module is not None:
        places.append(_settings_files(texts, roots, settings_module))
    for files in places:
        found |= {path: WritablePath(path, False, "SQLite database") for path in _databases(files)}
    for place in find_databases(texts, roots):
        if place.startswith(f"{ROOT}/"):
            path = place.removeprefix(f"{ROOT}/")
            found.setdefault(path, WritablePath(path, False, "SQLite database"))
    for place in find_made_directories(texts, roots, start=ROOT):
        if place.startswith(f"{ROOT}/"):
            path = place.removeprefix(f"{ROOT}/")
            found.setdefault(path, WritablePath(path, True, _MADE))
    for text in texts.values():
        for path, is_directory in find_relative(text):
            if not path.startswith(".."):
                found.setdefault(path, WritablePath(path, is_directory, _MADE if is_directory else "log file"))
    leaves = {e.path for e in entries if not isinstance(e, Directory)} - _placeholders(entries)

    def is_free(path: str) -> bool:
        place = f"{ROOT}/{path}"
        above = [place[: match.start()] for match in re.finditer("/", place)]
        inside = any(one == place or one.startswith(f"{place}/") for one in leaves)
        return not inside and leaves.isdisjoint(above) and not any(f"{ROOT}/{one}" in above for one in found)

    return tuple(found[path] for path in sorted(found) if is_free(path))


def recognise_installed(entries: Sequence[Entry], site: str) -> tuple[WritablePath, ...]:
    """Return what an installed package writes to: the instance folders of Flask's applications (Flask, "Instance
    Folders"), and directories that it makes in itself or beside it when it is imported.

    ``site``: the entry path of the directory of its modules.
    """
    texts = {path: text for path, text in _modules(entries).items() if path.startswith(f"{site}/")}
    made = _made_installed(texts, entries, site)
    uses_instance = any(_FLASK.search(text) for text in texts.values())
    found = set()
    for path, text in texts.items() if uses_instance else ():
        for match in _FLASK_NAME.finditer(text):
            module = path.removeprefix(f"{site}/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            found.add(f"{match['name'] or module}-instance")
    place = f"{names.VENV}/var".removeprefix("/")
    folders = [WritablePath(name, True, "Flask's instance folder", f"{place}/{name}") for name in sorted(found)]
    return (*folders, *made)


def _made_installed(texts: Mapping[str, str], entries: Sequence[Entry], site: str) -> Iterator[WritablePath]:
    """Yield the directories that an installed package makes in itself or beside it when it is imported."""
    leaves = {e.path for e in entries if not isinstance(e, Directory)} - _placeholders(entries)
    tops = {path.removeprefix(f"{site}/").partition("/")[0] for path in texts}
    places = sorted(set(find_made_directories(texts, [site])))
    for place in places:
        path = place.removeprefix(f"{site}/")
        outer = any(place.startswith(f"{one}/") for one in places)
        if (
            place != path
            and path not in tops
            and not outer
            and not any(f"{one}/".startswith(f"{place}/") for one in leaves)
        ):
            yield WritablePath(path, True, _MADE, place)


def _placeholders(entries: Sequence[Entry]) -> set[str]:
    """Return the paths of files that only keep a directory in git: ``.gitkeep``, ``.keep``, ``.gitignore``."""
    return {one.path for one in entries if one.path.rpartition("/")[2] in (".gitkeep", ".keep", ".gitignore")}


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
    uses_sqlalchemy = any("flask_sqlalchemy" in text for text in texts.values())
    has_database = uses_sqlalchemy and any(_FLASK_DATABASE.search(text) for text in texts.values())
    for path, text in texts.items():
        uses = _FLASK.search(text) or (has_database and ("flask_sqlalchemy" in text or _FLASK_NAME.search(text)))
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
    bases = {m["name"]: _ancestor(path, m["value"]) for path, text in files.items() for m in _BASE.finditer(text)}
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


def _ancestor(path: str, expression: str) -> str:
    """Return the directory that an expression with ``__file__`` means in the file at ``path``."""
    numbered = re.search(r"\.parents\[(\d+)\]", expression)
    above = int(numbered[1]) + 1 if numbered else len(re.findall(r"\.parent\b|\bdirname\(", expression))
    return "/".join(path.split("/")[: -above or None])
