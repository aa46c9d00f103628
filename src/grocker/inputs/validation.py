"""Check an application when it is read, so that mistakes appear at the build and not when a container starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from grocker import python
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import SettingsError
from grocker.platforms.target import Target
from grocker.progress import Progress
from grocker.python.exposure import Suspects, find_suspects
from grocker.python.metadata import normalise_name
from grocker.regex import regex
from grocker.store import Store
from grocker.tar.entry import File
from grocker.tar.keys import cache_key


def check_application(
    installed: python.Wheel,
    target: python.WheelTarget,
    extras: Iterable[str],
    tree: python.SourceTree | None,
    context: Context,
) -> None:
    """Check an application's Python and extras.

    Raises SettingsError for an incompatible Python or an unknown extra; warns of files that are probably not meant to
    be in an image.

    ``tree``: the project that it was built from; None for a wheel or a release.
    """
    check_python(context.store, installed.metadata, target)
    known = installed.metadata.extras
    unknown = [extra for extra in extras if normalise_name(extra) not in known]
    if unknown:
        raise SettingsError(
            f"{installed.name} {installed.version} has no extra {', '.join(unknown)}",
            hint=f"available extras: {', '.join(known) or 'none'}",
        )
    _warn_of_exposed(installed, tree, context)


_APART = {
    "tkinter": "python3-tk",
    "turtle": "python3-tk",
    "idlelib": "idle",
    "dbm.gnu": "python3-gdbm",
    "ensurepip": "python3-venv",
}
"""modules of Python's library that Debian ships in packages of their own: module → package"""
_IMPORT = regex(rb"^(?:import|from)[ \t]+(tkinter|turtle|idlelib|dbm\.gnu|ensurepip)\b", re.MULTILINE)


def check_debian_modules(
    installed: python.Wheel, dependencies: Iterable[str], progress: Progress, *, is_standalone: bool = False
) -> None:
    """Warn of modules that the application imports and that are in Debian packages of their own.

    Imports inside ``try`` do not count, because the application works without them. ``dependencies``: Debian packages
    that the settings name. ``is_standalone``: whether the interpreter is not Debian's: images then lack the modules.
    """
    named = {text.partition("=")[0] for text in dependencies}
    wanted: dict[str, str] = {}
    for entry in installed.entries:
        if isinstance(entry, File) and isinstance(entry.data, bytes) and entry.path.endswith(".py"):
            for found in _IMPORT.finditer(entry.data):
                wanted.setdefault(found[1].decode(), entry.path.removeprefix(f"{installed.site}/"))
    for module, path in sorted(wanted.items()):
        if is_standalone:
            progress.warn(
                f"{path} imports {module}, which images with a standalone Python lack",
                f'choose a Debian Python, and add dependencies = ["{_APART[module]}"] to [tool.grocker]',
            )
        elif _APART[module] not in named:
            progress.warn(
                f"{path} imports {module}, which Debian ships separately from Python",
                f'add its package to [tool.grocker]: dependencies = ["{_APART[module]}"]',
            )


_WITH_MODULES = regex(r"python3-(?!(?:dev|distutils|lib2to3|minimal|full|doc|examples|dbg|all|all-dev|all-dbg)\Z)")
"""the beginning of the names of Debian's packages with modules; those of Python's own library are on every path"""


def check_debian_packages(settings: Settings, target: Target, progress: Progress) -> None:
    """Warn of Debian's packages of modules that the settings name and the application does not see."""
    names = sorted({text.partition("=")[0] for text in settings.dependencies})
    found = [name for name in names if _WITH_MODULES.match(name) and name not in _APART.values()]
    if not found or settings.debian.python_packages is not None:
        return
    own = ", and choose a Python from Debian" if target.standalone else ""
    progress.warn(
        f"the application cannot import the modules of {', '.join(found)}: they are outside its virtual environment",
        f"set python-packages = true in [tool.grocker.debian]{own};"
        " or false, if only Debian's own programs need them, to hide this warning",
    )


def _find_suspects(tree: python.SourceTree, store: Store) -> Suspects:
    """Return the project's files that are probably not meant for a wheel; kept for a tree of the same paths."""
    if not tree.shape:
        return find_suspects(tree)
    key = cache_key("suspects", tree.shape, tree.known.circumstances)
    kept = store.kept_as("steps", key, Suspects)
    if kept is None:
        kept = find_suspects(tree)
        store.keep("steps", key, msgspec.json.encode(kept))
    return kept


def _warn_of_exposed(installed: python.Wheel, tree: python.SourceTree | None, context: Context) -> None:
    """Warn once of all files in the application's wheel that git ignores or that look like secrets."""
    suspects = _find_suspects(tree, context.store) if tree is not None else Suspects()
    found = python.find_exposed(installed.entries, tree, suspects)
    parts = [
        f"{words}: {_some([path.removeprefix(f'{installed.site}/') for path in paths])}"
        for words, paths in (("files that git ignores", found.ignored), ("files that look like secrets", found.secret))
        if paths
    ]
    if not parts:
        return
    hint = "publish the wheel without them (whoever pulls the image can read them)"
    if found.sources:
        listed = ", ".join(f'"{path}"' for path in found.sources[:6]) + (", …" if len(found.sources) > 6 else "")
        hint = (
            f"leave them out (whoever pulls the image can read them): exclude = [{listed}] in [tool.grocker];"
            " or, to keep them, list them where pyproject.toml lists the wheel's files"
        )
    context.progress.warn(f"the image contains {'; '.join(parts)}", hint)


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def find_modules(installed: python.Wheel, roots: Iterable[str]) -> frozenset[str]:
    """Return the dotted names of the modules below ``roots``, which are entry paths of directories on ``sys.path``."""
    return frozenset(
        entry.path.removeprefix(f"{root}/").split(".")[0].removesuffix("/__init__").replace("/", ".")
        for root in roots
        for entry in installed.entries
        if isinstance(entry, File) and entry.path.startswith(f"{root}/") and entry.path.endswith((".py", ".so"))
    )


def check_python(store: Store, metadata: python.Metadata, target: python.WheelTarget) -> None:
    """Raise SettingsError when no patch release of ``target.python`` is compatible; the actual one is known later.

    That one is, is kept: reading what a project allows takes longer than most of a rebuild's steps.
    """
    key = cache_key("compatible", metadata.requires_python, target.python, target.full_version)
    if not metadata.requires_python or store.kept("steps", key) is not None:
        return
    try:
        python.check_python(metadata, replace(target, full_version=target.full_version or f"{target.python}.999"))
    except SettingsError:
        if target.full_version:
            raise
        python.check_python(metadata, target)
    store.keep("steps", key, b"true")
