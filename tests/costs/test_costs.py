"""What each path of a build costs, in numbers that do not depend on the machine's mood: they may not rise.

``costs.json`` has them. When a rise is meant, or something got cheaper, ``make golden`` writes it anew; say why in the
commit. Nothing is in it that depends on which thread is faster: not how often a file of the store is opened, nor how
many interpreters compile, nor connections. Of the archive and the index, addresses count that were asked for; of what
is sent, the bytes of blobs and manifests that the registry did not have. The first image is sent uncounted: the runner,
which changes with each of its lines, is in it.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.archive import Archive
from tests.support.back_ends import BACK_ENDS, make_installed_wheel
from tests.support.counting import Counted, count
from tests.support.wheels import make_project, make_wheel
from tests.support.world import World, base, world

TABLE = Path(__file__).with_name("costs.json")
_SETTLED = 10
"""seconds: a build that runs so long after its files were written believes that they stay as they are"""
_SERIES = f"{sys.version_info.major}.{sys.version_info.minor}"
_INTERPRETER = "ld-linux-x86-64.so.2"
_FOREIGN = ("downloads/uv/", "locks/", "tmp/")
"""in the store: another program's, and what is empty"""
_MANY = 20
"""dependencies more, and a fifth of the files more: which thread is faster makes less of a difference"""
_MADE_UP = "tests.support.made_up"


@dataclass
class _Builds:
    """Builds of a project in a made-up world, in one cache."""

    world: World
    mirror: str
    counted: Counted | None = None
    """what the last build did that was counted"""

    def layout(self) -> dict[str, Any]:
        """Build into an OCI layout."""
        return self._count(_MADE_UP, f"oci:{self.world.out}")

    def push(self) -> dict[str, Any]:
        """Build, and push to a registry."""
        return self._count(_MADE_UP, "--push")

    def repeat(self) -> dict[str, Any]:
        """Build into the layout twice, and count the second time."""
        self._run(_MADE_UP, f"oci:{self.world.out}")
        return self._count("grocker.cli.main", f"oci:{self.world.out}")

    def _run(self, module: str, output: str) -> Counted:
        place = self.world.place
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(place / "home"),
            "GROCKER_CACHE": str(self.world.cache),
            "GROCKER_DEBIAN_MIRROR": self.mirror,
            "GROCKER_DEBIAN_SECURITY_MIRROR": self.mirror,
            "UV_DEFAULT_INDEX": self.world.index.url,
            "UV_HTTP_TIMEOUT": "120",
        }
        signers = place / "signers"
        signers.write_bytes(pickle.dumps(self.world.archive.signers()))
        where = [output] if output == "--push" else ["--output", output]
        name = f"{self.world.registry.host}/demo:1" if output == "--push" else "demo:1"
        arguments = ["build", str(self.world.project), "--tag", name, *where]
        given = [str(signers), *arguments] if module == _MADE_UP else arguments
        return count(place / "report", module, given, environ, place, ahead=_SETTLED)

    def _count(self, module: str, output: str) -> dict[str, Any]:
        world = self.world
        for requests in (world.index.requests, world.archive.requests, world.registry.requests):
            requests.clear()
        stored, sent = set(self._stored()), self._sent()
        self.counted = counted = self._run(module, output)
        programs = Counter(name for name in counted.started if name != "connection")
        if _INTERPRETER in programs:
            programs[_INTERPRETER] = 1  # or more: as many as there is work for
        return {
            "modules": counted.count_modules(),
            "programs": dict(sorted(programs.items())),
            "requests": {
                "archive": len(set(world.archive.requests)),
                "index": len({line.split()[1] for line in world.index.requests}),
                "registry": len(world.registry.requests),
            },
            "bytes sent": self._sent() - sent,
            "files stored": len(set(self._stored()) - stored),
        }

    def _sent(self) -> int:
        registry = self.world.registry
        return sum(map(len, registry.blobs.values())) + sum(len(data) for _, data in registry.manifests.values())

    def _stored(self) -> Iterator[str]:
        root = self.world.cache / "v1"
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not name.startswith(_FOREIGN):
                yield name


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Builds]:
    with world(tmp_path_factory.mktemp("costs") / "world") as made:
        # Nothing is compressed: with another zlib or liblzma, the lock would have other hashes, and another size.
        known = made.archive
        made.archive = Archive(date=known.date, valid_until=known.valid_until).add(*base(compression=""))
        for name in ("alpha", "beta"):
            files = {f"{name}.py": "x = 1\n"}
            make_wheel(made.index.directory, name, files=files, compression=zipfile.ZIP_STORED)
        make_installed_wheel(made.index.directory, "flit-core")
        _write(made, 1, "alpha")
        with made.archive.serve() as mirror:
            yield _Builds(made, mirror)


def _write(made: World, line: int, *requires: str) -> None:
    metadata = "".join(f"Requires-Dist: {one}\n" for one in requires)
    files: dict[str, str | bytes] = {"demo/__init__.py": f"x = {line}\n", "demo/views.py": "y = 1\n" * 200}
    make_project(made.project, files, pyproject='dynamic = ["dependencies"]\n', metadata=metadata)


def _write_static(made: World, line: int, *requires: str) -> None:
    """Write another project, whose back end only copies its modules."""
    project = f'{BACK_ENDS["flit"].system()}[project]\nname = "demo"\nversion = "1.0"\ndescription = "A demo."\n'
    (made.project / "backend.py").unlink(missing_ok=True)
    (made.project / "pyproject.toml").write_text(f"{project}dependencies = {['alpha', *requires]}\n")
    (made.project / "demo/__init__.py").write_text(f"x = {line}\n")


@pytest.fixture(scope="module")
def costs(builds: _Builds, pytestconfig: pytest.Config) -> Mapping[str, Mapping[str, Any]]:
    """The costs by path, each counted after the one before it."""
    found = {"cold": builds.layout()}
    builds.push()
    found["nothing changed"] = builds.repeat()
    _write(builds.world, 2, "alpha")
    found["one line, into a layout"] = builds.layout()
    _write(builds.world, 3, "alpha")
    found["one line, pushed"] = builds.push()
    _write(builds.world, 3, "alpha", "beta")
    found["one dependency more, pushed"] = builds.push()
    _write_static(builds.world, 1)
    builds.push()
    _write_static(builds.world, 2)
    found["one line of a static package, pushed"] = builds.push()
    if pytestconfig.getoption("update_golden"):
        TABLE.write_text(json.dumps({"python": _SERIES, "paths": found}, indent=2) + "\n", "utf-8")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", json.loads(TABLE.read_text("utf-8"))["paths"])
def test_path_costs_no_more_than_the_table_says(costs: Mapping[str, Mapping[str, Any]], path: str) -> None:
    table = json.loads(TABLE.read_text("utf-8"))
    limits, found = dict(_flat(table["paths"][path])), dict(_flat(costs[path]))
    if table["python"] != _SERIES:  # another one imports other modules of its own
        limits.pop("modules: python")
    more = {name: f"{found.get(name, 0)}, was {limit}" for name, limit in limits.items() if found.get(name, 0) > limit}
    more |= {
        name: f"{number}, was 0" for name, number in found.items() if name not in limits and name != "modules: python"
    }
    assert more == {}, "if this is meant: make golden"


@pytest.mark.slow
def test_line_costs_no_file_for_each_dependency_or_file(
    builds: _Builds, costs: Mapping[str, Mapping[str, Any]]
) -> None:
    small = builds.counted  # of the last of these paths
    names = [f"small{number}" for number in range(_MANY)]
    for name in names:
        make_wheel(builds.world.index.directory, name, files={f"{name}.py": "x = 1\n"}, compression=zipfile.ZIP_STORED)
    for number in range(_MANY * 5):
        builds.world.write({f"notes/n{number % 4}/{number}.txt": "x"})
    _write_static(builds.world, 3, *names)
    builds.push()
    _write_static(builds.world, 4, *names)
    cost = builds.push()
    large = builds.counted
    assert small is not None and large is not None
    assert cost["programs"] == costs["one line of a static package, pushed"]["programs"]
    assert cost["requests"]["registry"] == costs["one line of a static package, pushed"]["requests"]["registry"]
    assert len(large.opened) < len(small.opened) + _MANY / 2
    assert len(large.listed) < len(small.listed) + _MANY / 2


@pytest.mark.slow
def test_table_has_the_paths_that_are_counted(costs: Mapping[str, Mapping[str, Any]]) -> None:
    assert list(json.loads(TABLE.read_text("utf-8"))["paths"]) == list(costs)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    for name, value in values.items():
        if isinstance(value, int):
            yield prefix + name, value
        else:
            yield from _flat(value, f"{prefix}{name}: ")
