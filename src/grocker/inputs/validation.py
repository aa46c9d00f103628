"""Whether an application can be meant as it is: told when it is read, not by a container that does not start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from grocker import python
from grocker.errors import SettingsError
from grocker.progress import Progress
from grocker.python import flat
from grocker.python.metadata import normalised
from grocker.runner.contract.spec import Service
from grocker.tar.entry import File

_NO_CODE = frozenset({"setup.py", "conftest.py", "noxfile.py", "manage.py"})
"""modules beside pyproject.toml that a wheel is right to leave out"""
_DATA = re.compile(r"(?:[^/]+/)*?(?P<kind>templates|static)/")
_KIND = re.compile(r"(?<![^/])(?:templates|static)/.*")
_NO_PACKAGES = frozenset({"tests", "test", "docs", "doc", "examples", "tools", "scripts"})


def check(
    installed: python.Wheel,
    target: python.WheelTarget,
    extras: Iterable[str],
    tree: python.SourceTree | None,
    progress: Progress,
) -> None:
    """Raise SettingsError for a Python that the application does not want, or an extra that it does not have; warn
    when its wheel has no code, or files that are probably not meant to be in an image.

    ``tree``: the project that it was built from; None for a wheel or a release.
    """
    check_python(installed.metadata, target)
    known = installed.metadata.extras
    unknown = [extra for extra in extras if normalised(extra) not in known]
    if unknown:
        raise SettingsError(
            f"{installed.name} {installed.version} has no extra {', '.join(unknown)}",
            hint=f"it has: {', '.join(known) or 'none'}",
        )
    _warn_of_exposed(installed, tree, progress)
    sources = [f.path for f in tree.files if not _is_ignored(tree, f.path)] if tree is not None else []
    code = left_out(installed, sources)
    left = code or data_left_out(installed, sources)
    if left:
        shown = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        has = f"has no module: its build back end left out {shown}" if code else f"has nothing of {shown}"
        table = (flat.table(sources) or flat.data_table(sources)).rstrip()
        progress.warn(
            f"the wheel of {installed.name} {has}",
            f"name what belongs to it in pyproject.toml; with setuptools\n{table}",
        )


def _is_ignored(tree: python.SourceTree, path: str) -> bool:
    return tree.repository is not None and tree.repository.is_ignored(path)


def _warn_of_exposed(installed: python.Wheel, tree: python.SourceTree | None, progress: Progress) -> None:
    """Name in one warning what git ignores, and what looks secret, in the application's wheel."""
    found = python.find_exposed(installed.entries, tree)
    parts = [
        f"{words}: {_some([path.removeprefix(f'{installed.site}/') for path in paths])}"
        for words, paths in (("files that git ignores", found.ignored), ("files that look secret", found.secret))
        if paths
    ]
    if not parts:
        return
    hint = "whoever has the image can read them; publish the wheel without them"
    if found.sources:
        listed = ", ".join(f'"{path}"' for path in found.sources[:6]) + (", …" if len(found.sources) > 6 else "")
        hint = (
            f"whoever has the image can read them; to keep them out: exclude = [{listed}] in [tool.grocker];"
            " to keep them in without this warning, name them where pyproject.toml names the wheel's files"
        )
    progress.warn(f"the image gets {'; '.join(parts)}", hint)


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def check_services(installed: python.Wheel, table: Mapping[str, Service], progress: Progress) -> None:
    """Warn of a service whose module is not in the application's wheel, unless a dependency looks like its owner."""
    modules = {
        entry.path.removeprefix(f"{installed.site}/").split(".")[0].removesuffix("/__init__")
        for entry in installed.entries
        if isinstance(entry, File) and entry.path.startswith(f"{installed.site}/")
    }
    tops = {path.partition("/")[0] for path in modules}
    owners = {normalised(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]) for text in installed.metadata.requires}
    for name in sorted(table):
        target = table[name].wsgi or table[name].asgi
        if target is None:
            continue
        module = target.partition(":")[0]
        top = module.partition(".")[0]
        if module.replace(".", "/") not in modules and (top in tops or normalised(top) not in owners):
            progress.warn(
                f"service {name}: the wheel of {installed.name} has no module {module}",
                f"mend the service's {target!r}, or the back end's list of packages; ignore it if a dependency has it",
            )


def check_python(metadata: python.Metadata, target: python.WheelTarget) -> None:
    """SettingsError when no ``target.python`` is wanted; which one of its patch releases there is shows later."""
    try:
        python.check_python(metadata, replace(target, full_version=f"{target.python}.999"))
    except SettingsError:
        python.check_python(metadata, target)


def left_out(installed: python.Wheel, sources: Iterable[str]) -> list[str]:
    """Modules and packages (``shop/``) of the project, sorted, when its wheel has none at all."""
    if any(isinstance(entry, File) and entry.path.endswith((".py", ".so")) for entry in installed.entries):
        return []
    found = set()
    for path in sources:
        top, slash, rest = path.removeprefix("src/").partition("/")
        if not slash and top.endswith(".py") and top not in _NO_CODE and not top.startswith("test_"):
            found.add(top)
        elif rest == "__init__.py" and top not in _NO_PACKAGES:
            found.add(f"{top}/")
    return sorted(found)


def data_left_out(installed: python.Wheel, sources: Sequence[str]) -> list[str]:
    """Directories of templates and static files (``shop/templates/``) that no file of the wheel is from, sorted."""
    beside = {path.rpartition("/")[0] for path in sources if path.endswith(".py") and path != "setup.py"}
    of: dict[str, set[str]] = {}
    for path in sources:
        found = _DATA.match(path)
        if found and path.partition("/")[0] not in _NO_PACKAGES and path[: found.start("kind")].rstrip("/") in beside:
            of.setdefault(found[0], set()).add(path[found.start("kind") :])
    if not of:
        return []
    installed_as = {
        found[0] for entry in installed.entries if isinstance(entry, File) for found in _KIND.finditer(entry.path)
    }
    return sorted(directory for directory, files in of.items() if installed_as.isdisjoint(files))
