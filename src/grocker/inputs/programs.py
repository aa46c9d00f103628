"""The Debian packages that an application needs where it runs: what its dependencies load, what its own code starts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from grocker.platforms.run_packages import DISTRIBUTIONS, GDAL, PROGRAMS, SELF_CONTAINED, SPATIALITE
from grocker.regex import regex
from grocker.tar.entry import Entry, File

_STARTS = (b"subprocess", b"os.system", b"os.popen", b"os.exec")
"""one of these is in a module that starts programs"""
_NAMED = regex(rb"[\"'](?:%s)[\"' ]" % b"|".join(re.escape(name.encode()) for name in PROGRAMS))
_CALL = regex(r"run|call|popen|output|subprocess|exec|spawn", re.I)
"""names of functions that start the program of a list of arguments, the application's own included"""
_LINE_CALL = regex(r"subprocess|system|popen|check_output|getoutput|getstatusoutput", re.I)
"""names of functions that start the program of a command line"""
_GIS = "django.contrib.gis"
_GEODJANGO = regex(
    rb"(?m)^[ \t]*(?:from|import)[ \t]+django\.contrib\.gis\b(?!\.geoip2|[ \t]+import[ \t]+geoip2)"
    rb"|^[^#\n]*[\"']django\.contrib\.gis(?:\.db\.backends\.(?:(?P<spatialite>spatialite)|\w+))?[\"']"
)
"""an import, or a name in Django's settings; geoip2 needs no library"""
_ASIDE = frozenset({"tests", "test", "testing", "docs", "examples", "scripts", "script", "tools", "ci", "contrib"})
"""directories whose programs no service runs"""
_ASIDE_FILES = regex(r"(?:test_.*|conftest|setup|noxfile|fabfile|tasks|dodo)\.py")
_HANDLED = frozenset({"FileNotFoundError", "OSError", "EnvironmentError", "IOError", "Exception", "BaseException"})
"""who catches one of these does without the program"""


def find_run_packages(distributions: Collection[str], entries: Iterable[Entry], site: str) -> dict[str, str]:
    """Return Debian packages to install, each with its reason for people.

    ``distributions``: normalised names of all that are installed. ``entries``: the application's own files; ``site``:
    the entry path of the directory of its modules. A program counts if a module calls it by a literal name, and does
    not catch that it is missing. GeoDjango's libraries count if Django is installed and a module names it.
    """
    found: dict[str, str] = {}
    for name in sorted(set(distributions) & DISTRIBUTIONS.keys()):
        if not set(distributions).intersection(SELF_CONTAINED.get(name, ())):
            found |= dict.fromkeys(DISTRIBUTIONS[name], f"{name} needs it")
    for entry in entries:
        path = entry.path.removeprefix(f"{site}/")
        if not path.endswith(".py") or not isinstance(entry, File) or not isinstance(entry.data, bytes):
            continue
        if is_aside(path):
            continue
        if "django" in distributions and _GIS.encode() in entry.data:
            for package in _geodjango(entry.data):
                found.setdefault(package, f"{path} uses {_GIS}")
        if any(word in entry.data for word in _STARTS) and _NAMED.search(entry.data):
            for program in _started(entry.data):
                found.setdefault(PROGRAMS[program], f"{path} starts {program}")
    return dict(sorted(found.items()))


def is_aside(path: str) -> bool:
    """Tell whether no service loads a module. ``path``: below the directory on ``sys.path``."""
    *directories, name = path.split("/")
    return not _ASIDE.isdisjoint(directories) or bool(_ASIDE_FILES.fullmatch(name))


def _geodjango(source: bytes) -> Iterator[str]:
    """Yield what a module needs that imports GeoDjango or names it in settings, unless it does without it."""
    for match in _GEODJANGO.finditer(source):
        before = source[: match.start()].rstrip().rpartition(b"\n")[2].strip()
        if before != b"try:":
            yield GDAL
        if match["spatialite"]:
            yield SPATIALITE


def _started(source: bytes) -> Iterator[str]:
    """Yield the programs of the table that a module calls; none if this Python cannot parse it."""
    import ast

    from grocker.python.module_imports import parse

    module = parse(source)
    if module is None:
        return
    names: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and (program := _program(node.value, names)):
            names |= {one.id: program for one in node.targets if isinstance(one, ast.Name)}
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Try) and any(map(_handles, node.handlers)):
            waiting += [*node.handlers, *node.orelse, *node.finalbody]
            continue
        if isinstance(node, ast.Call) and node.args:
            callee, given = _dotted(node.func), node.args[0]
            if _LINE_CALL.search(callee):
                yield from filter(None, [_program(given, names) or _line_program(given)])
            elif _CALL.search(callee):
                yield from filter(None, [_program(given, names)])
        waiting += ast.iter_child_nodes(node)


def _handles(handler: object) -> bool:
    import ast

    assert isinstance(handler, ast.ExceptHandler)
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or _dotted(kind) in _HANDLED for kind in kinds)


def _dotted(node: object) -> str:
    """Return a dotted name: ``subprocess.run``; what is not a name is left out."""
    import ast

    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _program(node: object, names: Mapping[str, str]) -> str:
    """Return the program of a list of arguments, or of a variable with one: ``["git", "show"] + more``."""
    import ast

    while isinstance(node, ast.BinOp):
        node = node.left
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
        first = node.elts[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value in PROGRAMS:
            return first.value
    return ""


def _line_program(node: object) -> str:
    """Return the program of a command line: ``"git show"``, ``f"git show {name}"``."""
    import ast

    while isinstance(node, ast.BinOp):
        node = node.left
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        word = node.value.partition(" ")[0]
        return word if word in PROGRAMS else ""
    return ""
