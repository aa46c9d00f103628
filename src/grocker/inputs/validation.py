"""Check an application when it is read, so that no mistake shows only when a container does not start."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from grocker import python
from grocker.errors import SettingsError
from grocker.progress import Progress
from grocker.python import flat_layout
from grocker.python.metadata import normalise_name
from grocker.runner.contract.spec import Service
from grocker.tar.entry import File

_NO_CODE = frozenset({"setup.py", "conftest.py", "noxfile.py", "manage.py"})
"""modules beside pyproject.toml that do not belong in a wheel"""
_DATA = re.compile(r"(?:[^/]+/)*?(?P<kind>templates|static)/")
_KIND = re.compile(r"(?<![^/])(?:templates|static)/.*")
_NO_PACKAGES = frozenset({"tests", "test", "docs", "doc", "examples", "tools", "scripts"})


def check_application(
    installed: python.Wheel,
    target: python.WheelTarget,
    extras: Iterable[str],
    sources: Sequence[str],
    progress: Progress,
) -> None:
    """Check an application's Python, extras and code.

    Raises SettingsError for an incompatible Python or an unknown extra; warns of a wheel without code.

    ``sources``: the files of the project that it was built from, relative paths; none for a wheel or a release.
    """
    check_python(installed.metadata, target)
    known = installed.metadata.extras
    unknown = [extra for extra in extras if normalise_name(extra) not in known]
    if unknown:
        raise SettingsError(
            f"{installed.name} {installed.version} has no extra {', '.join(unknown)}",
            hint=f"available extras: {', '.join(known) or 'none'}",
        )
    code = find_missing_modules(installed, sources)
    left = code or find_missing_data(installed, sources)
    if left:
        shown = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        has = f"has no module: its build back end left out {shown}" if code else f"has no file of {shown}"
        table = flat_layout.setuptools_table(sources).rstrip() or '[tool.setuptools.package-data]\n"*" = ["**/*"]'
        progress.warn(
            f"the wheel of {installed.name} {has}",
            f"list its packages and data in pyproject.toml; with setuptools\n{table}",
        )


def check_services(
    installed: python.Wheel,
    table: Mapping[str, Service],
    owners: Collection[str],
    progress: Progress,
    *,
    roots: Sequence[str] = (),
) -> None:
    """Warn of a service whose module is not in the application, unless a dependency looks like its owner.

    ``owners``: names of the distributions that are installed beside it; ``roots``: entry paths of its directories on
    ``sys.path``, by default its site.
    """
    modules = {
        entry.path.removeprefix(f"{root}/").split(".")[0].removesuffix("/__init__")
        for root in roots or (installed.site,)
        for entry in installed.entries
        if isinstance(entry, File) and entry.path.startswith(f"{root}/")
    }
    tops = {path.partition("/")[0] for path in modules}
    for name in sorted(table):
        target = table[name].wsgi or table[name].asgi
        if target is None:
            continue
        module = target.partition(":")[0]
        top = module.partition(".")[0]
        if module.replace(".", "/") not in modules and (top in tops or normalise_name(top) not in owners):
            progress.warn(
                f"service {name}: the wheel of {installed.name} has no module {module}",
                f"fix {target!r}, or the back end's list of packages; ignore this if a dependency provides the module",
            )


def check_python(metadata: python.Metadata, target: python.WheelTarget) -> None:
    """Raise SettingsError when no patch release of ``target.python`` is compatible; the actual one is known later."""
    try:
        python.check_python(metadata, replace(target, full_version=f"{target.python}.999"))
    except SettingsError:
        python.check_python(metadata, target)


def find_missing_modules(installed: python.Wheel, sources: Iterable[str]) -> list[str]:
    """The modules and packages (``shop/``) of a project whose wheel has none at all, sorted."""
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


def find_missing_data(installed: python.Wheel, sources: Sequence[str]) -> list[str]:
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
