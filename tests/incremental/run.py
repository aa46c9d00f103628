"""Edits a project again and again; after each edit, what a build gives has to be what one gives with an empty cache."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from grocker.images.layout import problems
from grocker.store import Store
from grocker.store.check import check
from tests.incremental.edits import EDITS, MORE_EDITS, Edit
from tests.incremental.project import Description, Project, copy_stat, remove
from tests.support.archive import Package
from tests.support.forked import Forks, forks
from tests.support.world import Outcome, World, world

_ROOMS = ("blobs", "members", "steps", "trees", "refs", "downloads", "downloads/uv")


@dataclass
class Run:
    """One run: the project, and what was found."""

    project: Project
    forks: Forks
    mirror: str
    done: list[str] = field(default_factory=list)
    """the edits, in order"""
    counts: Counter[str] = field(default_factory=Counter)
    """how many builds printed what had been built before, or built; those that failed, by their message"""
    failures: list[str] = field(default_factory=list)
    _deck: list[Edit] = field(default_factory=list)
    """the edits that are next: each comes once before any comes again"""
    _described: Description | None = None
    """of the last build that succeeded"""
    _is_kept: bool = False
    """whether the last build succeeded"""

    @property
    def _kept(self) -> Path:
        return self.world.place / "kept"

    @property
    def world(self) -> World:
        return self.project.world

    def begin(self) -> None:
        """Build what later edits start from."""
        first = self._build("cache", "out")
        assert first.status == 0, first.stderr
        self._keep()

    def edit(self, number: int) -> None:
        """Edit the project, and compare."""
        dice = self.project.random
        said = self._take_back()
        while said is None:
            edits = (*EDITS, *MORE_EDITS.get(self.project.kind, ()))
            self._deck = self._deck or dice.sample(edits, len(edits))
            said = self._deck.pop()(self.project)
        self.done.append(said)
        if dice.random() < 0.05:
            self._empty_rooms()
        is_coarse = dice.random() < 0.3
        incremental = self._build("cache", "out", is_coarse=is_coarse)
        if is_coarse and dice.random() < 0.5:
            self._edit_within_a_tick()
            incremental = self._build("cache", "out", is_coarse=True)
        shutil.rmtree(self.world.place / "empty", ignore_errors=True)
        shutil.rmtree(self.world.place / "reference", ignore_errors=True)
        reference = self._build("empty", "reference")
        if _essence(incremental) != _essence(reference):
            self.failures.append(f"edit {number}, {self.done[-1]}: {self._difference(incremental, reference)}")
        kind = "replayed" if "nothing changed" in incremental.stderr else "made"
        self.counts[incremental.message or kind] += 1
        if incremental.status == 0:
            self._keep()
        if dice.random() < 0.2:  # what nothing changed is built again, so that there is something to be fooled by
            self._build("cache", "out")

    def judge(self) -> None:
        """Check what is left: the cache, and the layout of the last image."""
        with Store.open(self.world.place / "cache") as store:
            self.failures += [f"{one.path}: {one.what}" for one in check(store)]
        if (self.world.place / "out").exists():
            self.failures += problems(self.world.place / "out")

    def _build(self, cache: str, output: str, *, is_coarse: bool = False) -> Outcome:
        project = self.project
        arguments = ["build", str(project.root), *project.options, "--output", f"oci:{self.world.place / output}"]
        return self.run(arguments, cache, is_coarse=is_coarse)

    def run(self, arguments: list[str], cache: str = "cache", *, is_coarse: bool = False) -> Outcome:
        """Run Grocker with this cache; ``is_coarse``: as if files had times of whole two seconds."""
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.world.place / "home"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GROCKER_CACHE": str(self.world.place / cache),
            "GROCKER_DEBIAN_MIRROR": self.mirror,
            "GROCKER_DEBIAN_SECURITY_MIRROR": self.mirror,
            "UV_DEFAULT_INDEX": self.world.index.url,
            "UV_HTTP_RETRIES": "0",
            "UV_HTTP_TIMEOUT": "120",
            **self.project.environ,
        }
        return self.forks.run(arguments, environ, self.world.place, ahead=self.project.ahead, is_coarse=is_coarse)

    def _keep(self) -> None:
        """Keep a copy of a project that can be built."""
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.world.project, self._kept, symlinks=True)
        self._described = self.project.description()
        self._is_kept = True

    def _take_back(self) -> str | None:
        """Undo what made the last build fail, if it did: otherwise all that follow fail as well."""
        if self._is_kept or self._described is None:
            self._is_kept = False
            return None
        remove(self.world.project)
        shutil.copytree(self._kept, self.world.project, symlinks=True)
        self.project.take(self._described)
        return "take back the last edits"

    def _edit_within_a_tick(self) -> None:
        """Change a file without another size or modification time; a file system with coarse times shows nothing."""
        path = self.project.root / "shop/__init__.py"
        before, text = path.stat(), path.read_text()
        path.write_text(text.translate(str.maketrans("123456789", "234567891")))
        copy_stat(before, path)
        self.done[-1] += "; and within a tick of the clock, another change"

    def _empty_rooms(self) -> None:
        dice = self.project.random
        rooms = dice.sample(_ROOMS, dice.randint(1, 3))
        for room in (*rooms, *(("refs",) if "blobs" in rooms else ())):  # a name without its image is damage
            shutil.rmtree(self.world.place / "cache/v1" / room, ignore_errors=True)
        self.done[-1] += "; parts of the cache were lost"

    def _difference(self, incremental: Outcome, reference: Outcome) -> str:
        if incremental.status or reference.status:
            return f"{_essence(incremental)}, with an empty cache {_essence(reference)}"
        own, other = (_layers(self.world.place / name) for name in ("out", "reference"))
        differing = sorted(name for name in {*own, *other} if own.get(name) != other.get(name))
        return f"other than with an empty cache: {', '.join(differing)}; {incremental.stderr}"


def _essence(outcome: Outcome) -> str:
    return outcome.message or outcome.stdout


def _layers(layout: Path) -> dict[str, str]:
    """The digests of the layers by title, and that of the configuration."""

    def read(descriptor: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((layout / "blobs" / descriptor["digest"].replace(":", "/")).read_text())
        return found

    manifest = read(json.loads((layout / "index.json").read_text())["manifests"][0])
    history = read(manifest["config"])["history"]
    titles = [one["comment"] for one in history if not one.get("empty_layer")]
    return {
        "configuration": manifest["config"]["digest"],
        **{title: one["digest"] for title, one in zip(titles, manifest["layers"], strict=True)},
    }


@contextmanager
def started(place: Path, kind: str, seed: int) -> Iterator[Run]:
    """A run with a new project of that kind, with files below the empty directory ``place``."""
    with world(place / "world") as made:
        made.archive.add(Package("hello", files={"usr/bin/hello": "hello\n"}), Package("nginx"))
        made.archive.valid_until = made.archive.date + timedelta(days=30)
        project = Project(world=made, kind=kind, random=random.Random(f"{kind} {seed}"))
        project.create()
        signers = made.archive.signers()
        with made.archive.serve() as mirror, forks(place / "forks", signers, "tests.incremental.collecting") as forked:
            run = Run(project, forked, mirror)
            project.run = run.run
            yield run


def edit_at_random(
    place: Path, kind: str, *, edits: int, seed: int, tell: Callable[[str], object] = lambda text: None
) -> Run:
    """Edit a project of that kind so often, until the first failure; return the finished run."""
    place.mkdir(parents=True, exist_ok=True)
    with started(place, kind, seed) as run:
        run.begin()
        for number in range(1, edits + 1):
            run.edit(number)
            tell(run.done[-1])
            if run.failures:
                break
        run.judge()
    return run
