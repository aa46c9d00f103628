"""Imports run downhill. The floors are those of docs/explanation/architecture.md."""

from __future__ import annotations

import ast
import sys

import pytest

from grocker.runner.contract.spec import SERVERS
from tests.architecture.source import Module, for_each, imported, project, reached

FLOORS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "errors",
            "decoding",
            "digest",
            "progress",
            "command",
            "lazy_imports",
            "zstd",
            "regex",
            "local_file",
            "web",
            "background",
        }
    ),
    frozenset({"oci", "platforms", "runner"}),
    frozenset({"store", "config"}),
    frozenset({"tar", "lock"}),
    frozenset({"sandbox", "context"}),
    frozenset({"registry", "debian", "python"}),
    frozenset({"attest", "images", "deploy"}),
    frozenset({"inputs"}),
    frozenset({"resolve", "draft"}),
    frozenset({"plan"}),
    frozenset({"layers"}),
    frozenset({"execute"}),
    frozenset({"builder"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# The rooms of the runner, as docs/explanation/the-runner.md has them.
RUNNER_FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"base"}),
    frozenset({"contract"}),
    frozenset({"process"}),
    frozenset({"config", "log"}),
    frozenset({"prepare", "status"}),
    frozenset({"servers"}),
    frozenset({"supervise", "cron"}),
    frozenset({"main"}),
)
RUNNER_FLOOR_OF = {room: number for number, rooms in enumerate(RUNNER_FLOORS) for room in rooms}
RUNNER_FACE = frozenset({"grocker.runner.contract", "grocker.runner.cron.crontab_check"})
PURE = ("oci", "lock", "plan", "platforms", "tar.entry", "debian.version", "debian.resolver")
# Run inside the server's process, by the application's interpreter, where the server is.
IN_THE_SERVER = {
    f"grocker.runner.servers.{server.name}_server": (server.name, "click")  # uvicorn's own command line is click's
    for server in SERVERS
}
# In the standard library of 3.11, with which the tests run, and in a later one's no more.
DROPPED = frozenset(
    {
        *("aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils", "imghdr", "imp"),
        *("lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd", "sunau"),
        *("telnetlib", "uu", "xdrlib"),
    }
)
EDGES = frozenset({"socket", "ssl", "subprocess", "http", "urllib", "httptools", "asyncio", "multiprocessing"})

MODULES = project()
NAMES = sorted(MODULES)


def _room(name: str) -> str:
    return name.partition(".")[2].partition(".")[0]


def _ours(module: Module) -> list[str]:
    return sorted(name for name in module.imports if name.partition(".")[0] == "grocker")


def _allowed(room: str, target: str) -> bool:
    """Whether a module of ``room`` may import the module ``target`` of ours."""
    other = _room(target)
    if other in ("", room):
        return True
    if other == "runner" and not {target, target.rpartition(".")[0]} & RUNNER_FACE:
        return False
    ground = FLOOR_OF[room] == FLOOR_OF[other] == 0
    return ground or FLOOR_OF[other] < FLOOR_OF[room]


@for_each(NAMES)
def test_module_stands_on_a_floor(name: str) -> None:
    assert name == "grocker" or _room(name) in FLOOR_OF


@for_each(NAMES)
def test_module_imports_its_own_room_or_lower_floors(name: str) -> None:
    module = MODULES[name]
    assert [target for target in _ours(module) if not _allowed(module.room, target)] == []


def _runner_room(name: str) -> str:
    return name.removeprefix("grocker.runner").lstrip(".").partition(".")[0]


def _downhill(name: str, target: str) -> bool:
    """Whether a module of the runner may import another one."""
    room, other = _runner_room(name), _runner_room(target)
    return other in ("", room) or RUNNER_FLOOR_OF[other] < RUNNER_FLOOR_OF[room]


@for_each([name for name in NAMES if _room(name) == "runner" and _runner_room(name)])
def test_runner_module_imports_its_own_room_or_lower_floors(name: str) -> None:
    assert [target for target in _ours(MODULES[name]) if not _downhill(name, target)] == []


def test_arrow_upwards_in_the_runner_is_refused_when_there_is_one() -> None:
    assert not _downhill("grocker.runner.base.failure", "grocker.runner.contract.names")
    assert not _downhill("grocker.runner.supervise.service", "grocker.runner.cron.status")
    assert _downhill("grocker.runner.cron.runs", "grocker.runner.process.loop")


def test_arrow_upwards_is_refused_when_there_is_one() -> None:
    assert not _allowed("store", "grocker.builder.build")
    assert not _allowed("debian", "grocker.python.wheel")
    assert not _allowed("plan", "grocker.runner.main")
    assert not _allowed("resolve", "grocker.plan.plan")
    assert not _allowed("plan", "grocker.layers.recipes")
    assert _allowed("plan", "grocker.runner.contract.spec")
    assert _allowed("web", "grocker.errors")


def test_import_is_seen_when_it_stands_in_a_function() -> None:
    text = "def late():\n    from grocker.cli import main\n    import grocker.web\n"
    assert set(imported(ast.walk(ast.parse(text)), frozenset({"grocker.cli.main"}))) == {
        "grocker.cli.main",
        "grocker.web",
    }


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("from . import main", "grocker.runner.main"),
        ("from .contract.spec import Spec", "grocker.runner.contract.spec"),
        ("from ..errors import GrockerError", "grocker.errors"),
        ("from .. import errors", "grocker.errors"),
    ],
)
def test_import_is_seen_when_it_is_relative(text: str, target: str) -> None:
    modules = frozenset({"grocker.runner.main", "grocker.runner.contract.spec", "grocker.errors"})
    assert list(imported(ast.walk(ast.parse(text)), modules, "grocker.runner")) == [target]


@for_each(NAMES)
def test_module_is_in_no_circle(name: str) -> None:
    circles = [
        reached(target, MODULES)[name]
        for target in _ours(MODULES[name])
        if target in MODULES and name in reached(target, MODULES)
    ]
    assert circles == []


def _pure() -> list[str]:
    tops = tuple(f"grocker.{room}" for room in PURE)
    return [name for name in NAMES if name in tops or name.startswith(tuple(top + "." for top in tops))]


@for_each(_pure())
def test_pure_module_reaches_no_edge(name: str) -> None:
    ways = reached(name, MODULES, loading=True)
    assert [way for target, way in sorted(ways.items()) if target.partition(".")[0] in EDGES] == []


@for_each([name for name in NAMES if _room(name) == "runner"])
def test_runner_imports_the_standard_library_alone(name: str) -> None:
    foreign = {target.partition(".")[0] for target in MODULES[name].imports} - (sys.stdlib_module_names - DROPPED)
    assert foreign <= {"grocker", *IN_THE_SERVER.get(name, ())}
    assert [target for target in _ours(MODULES[name]) if _room(target) != "runner"] == []


@for_each([name for name in NAMES if _room(name) == "runner"])
def test_runner_module_shadows_no_standard_module(name: str) -> None:
    """A script that is run by its path has its own directory first on the path."""
    assert name.rpartition(".")[2] not in sys.stdlib_module_names
