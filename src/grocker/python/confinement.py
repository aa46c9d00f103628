"""A back end in a sandbox: what it is shown, how it is called, and what it may leave."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import msgspec

from grocker.errors import CorruptError, GrockerError
from grocker.lock.values import BuildRequirement
from grocker.python import backend, source_tree
from grocker.python.backend import HookAnswer
from grocker.python.project import Project
from grocker.python.source_tree import SourceTree
from grocker.sandbox.run import find_isolation, is_left, run
from grocker.sandbox.sandbox import Bind, Sandbox
from grocker.store.writing import storage

EPOCH = 315532800
"""1980-01-01: no zip archive holds an earlier time"""
ENVIRONMENT = "env"
"""the directory at the top with the back end's environment"""
_OBJECTS = "/objects"
"""where the project's git repository has its objects"""
_VARIABLES = {
    "PATH": f"/{ENVIRONMENT}/bin:/usr/bin:/bin",
    "VIRTUAL_ENV": f"/{ENVIRONMENT}",
    "HOME": "/build/home",
    "TMPDIR": "/build/tmp",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
}


class Workplace(Protocol):
    """Where a back end is called."""

    @property
    def release(self) -> tuple[int, int]:
        """Of its interpreter: (3, 13)."""

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables of every back end that is called there."""

    def make_environment(self, pins: Sequence[BuildRequirement], workspace: Path) -> Path:
        """Return a directory that is a virtual environment with ``pins`` when it is bound at ``/env``."""

    def open(self, environment: Path, workspace: Path) -> tuple[Path, tuple[Bind, ...]]:
        """Return the root, and what is bound into it for ``environment``. ``workspace``: a scratch directory."""

    def keep(self, environment: Path, answer: HookAnswer) -> None:
        """Keep what the next call in ``environment`` can use."""

    def resolve_more(
        self, missing: Sequence[str], pins: Sequence[BuildRequirement], workspace: Path
    ) -> tuple[BuildRequirement, ...]:
        """Pin what a back end asks for besides ``pins``."""

    def explain(self, said: str, status: int, name: str, tree: SourceTree) -> GrockerError:
        """Return the error of a back end that failed. ``said``: the end of what it wrote."""


class WheelJob(msgspec.Struct, frozen=True):
    """A wheel to build."""

    project: Project
    tree: SourceTree
    variables: Mapping[str, str] = MappingProxyType({})
    """further variables of the back end; the workplace's take precedence"""
    epoch: int = EPOCH
    """seconds since 1970: what SOURCE_DATE_EPOCH will be, but for times before 1980"""
    removed: tuple[str, ...] = ()
    """files of the project that its back end does not see"""
    files: Mapping[str, str] = MappingProxyType({})
    """texts of further files, by their path in /build"""

    @property
    def name(self) -> str:
        """For messages."""
        return self.project.name or self.tree.root.name


def build_confined(job: WheelJob, workplace: Workplace, pins: Sequence[BuildRequirement], *, workspace: Path) -> Path:
    """Return the wheel that the back end built, a file in ``workspace``, as it left it.

    ``pins``: its build requirements; what it asks for besides is resolved, and it is called again.
    ``workspace``: a directory that does not exist yet.
    Raises CorruptError when the back end builds no wheel, NoSandboxError, and what ``workplace`` raises.
    """
    for attempt in ("first", "second"):
        place = workspace / attempt
        with storage(f"building {job.name}: creating", place):
            place.mkdir(parents=True)
        environment = workplace.make_environment(pins, place)
        answer = _call(job, workplace, environment, pins, place)
        workplace.keep(environment, answer)
        if not answer.missing:
            return _find_wheel(job, place / "build" / "wheel")
        names = {pin.name for pin in pins}
        more = workplace.resolve_more(answer.missing, pins, place)
        pins = (*pins, *(pin for pin in more if pin.name not in names))
    raise CorruptError(
        f"building {job.name}: its back end asks for different requirements at each call",
        hint="list them all under requires in [build-system]",
    )


def _call(
    job: WheelJob, workplace: Workplace, environment: Path, pins: Sequence[BuildRequirement], place: Path
) -> HookAnswer:
    """Call the back end. What it left is in ``place / "build"``, and nobody vouches for it."""
    build, scratch, tree, epoch = place / "build", place / "scratch", job.tree, max(job.epoch, EPOCH)
    copy = source_tree.copy_tree(tree, build / "source", epoch=epoch)
    binds = [Bind(environment, f"/{ENVIRONMENT}"), Bind(build, "/build", is_writable=True)]
    with storage(f"building {job.name}: writing", build):
        for made in (scratch, *(build / one for one in ("home", "tmp", "wheel"))):
            made.mkdir(parents=True)
        shared: Mapping[str, str] = {}
        if tree.repository is not None:
            shared = tree.repository.share(build / "source", source_tree.places(tree))
            (build / "source/.git/objects/info/alternates").write_text(f"{_OBJECTS}\n")
            binds.append(Bind(tree.repository.common / "objects", _OBJECTS))
        for path, text in job.files.items():
            (build / path).parent.mkdir(exist_ok=True)
            (build / path).write_text(text)
        for path in job.removed:
            (copy / path).unlink()
    root, shown = workplace.open(environment, scratch)
    variables = {**job.variables, **_VARIABLES, **workplace.variables, "SOURCE_DATE_EPOCH": str(epoch), **shared}
    arguments = backend.hook(job.project, Path("/build/wheel"), Path("/build/answer.json"), pins, workplace.release)
    output = run(
        Sandbox(root, (*shown, *binds), variables),
        [f"/{ENVIRONMENT}/bin/python", *arguments],
        isolation=find_isolation(scratch),
        scratch=scratch,
        directory=str(Path("/build") / copy.relative_to(build)),
        action=f"building {job.name}",
    )
    said = output.stdout.decode("utf-8", "replace")
    if output.status != 0:
        raise workplace.explain(said, output.status, job.name, tree)
    if not is_left(build / "answer.json"):
        raise backend.failure(f"{said}\nit built no wheel", job.name, tree)
    return backend.read_answer(build / "answer.json", job.project, tree)


def _find_wheel(job: WheelJob, directory: Path) -> Path:
    wheels: list[Path] = []
    if is_left(directory, stat.S_ISDIR):
        wheels = sorted(path for path in directory.glob("*.whl") if is_left(path))
    if len(wheels) != 1:
        raise CorruptError(
            f"building {job.name}: expected one wheel from the back end, got {len(wheels)}",
            hint="reproduce it with: python -m build --wheel",
        )
    return wheels[0]


def explain_failure(said: str, status: int, name: str, tree: SourceTree) -> CorruptError:
    """Return the error of a back end that failed in a sandbox."""
    if status > 128:
        said += f"\nit was killed by signal {status - 128}"
    return backend.failure(said, name, tree)
