"""Where back ends run in a sandbox: with the programs of this host, or with the image's interpreter."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from grocker.context import Context, download
from grocker.errors import CorruptError, GrockerError
from grocker.lock.values import BuildRequirement
from grocker.python import backend
from grocker.python.backend import HookAnswer
from grocker.python.build import resolve_build
from grocker.python.build_identity import constraint
from grocker.python.confinement import ENVIRONMENT, explain_failure
from grocker.python.metadata import normalise_name
from grocker.python.pylock import Pin, WheelBuilder
from grocker.python.resolution import resolve
from grocker.python.source_tree import SourceTree
from grocker.python.target import WheelTarget
from grocker.python.uv import PATH, Uv
from grocker.python.wheel import read_wheel
from grocker.sandbox.host_programs import find_programs, make_root
from grocker.sandbox.run import Isolation, can_show
from grocker.sandbox.sandbox import Bind, Sandbox
from grocker.tar.keys import cache_key
from grocker.tar.unpack import unpack

ENVIRONMENT_FORMAT = 1
"""Goes into keys: raised when the same wheels would give another environment."""

_PREFIXES = (sys.base_prefix, sys.base_exec_prefix, *map(os.path.realpath, (sys.base_prefix, sys.base_exec_prefix)))
"""of the interpreter, not of Grocker's own virtual environment (sys.prefix)"""


class _Workplace(msgspec.Struct, frozen=True):
    """What all have in common. See ``Workplace``."""

    context: Context
    uv: Uv
    builder: WheelBuilder
    """builds build requirements that have no wheel"""
    directory: Path
    """the project's, whose ``[tool.uv]`` (indexes) counts"""

    @property
    def release(self) -> tuple[int, int]:
        """See Workplace."""
        raise NotImplementedError

    def resolve_more(
        self, missing: Sequence[str], pins: Sequence[BuildRequirement], workspace: Path
    ) -> tuple[BuildRequirement, ...]:
        """See Workplace."""
        return resolve_build(
            *(missing, self.uv),
            workspace=workspace,
            directory=self.directory,
            constraints=pins,
            release=self.release,
            builder=lambda: self.builder,
        )

    def explain(self, said: str, status: int, name: str, tree: SourceTree) -> GrockerError:
        """See Workplace."""
        return explain_failure(said, status, name, tree)


class HostWorkplace(_Workplace, frozen=True):
    """The programs and the interpreter of this host. See ``Workplace``."""

    def is_usable(self, isolation: Isolation, scratch: Path) -> bool:
        """Tell whether the interpreter runs with what a sandbox shows of this host.

        It does not in a chroot, or where libraries are elsewhere. If something is mounted below what is shown, it is
        tried in ``scratch``, an empty directory: before Linux 5.12, a user may not show that.
        """
        if isolation == "chroot":
            return False
        try:
            maps, mounts = (
                Path("/proc/self", name).read_text("utf-8", "surrogateescape") for name in ("maps", "mountinfo")
            )
        except OSError:
            return False
        programs = find_programs(_PREFIXES)
        if not programs.can_run(maps):
            return False
        if not programs.has_mounts_below(mounts):
            return True
        place = scratch / "programs"
        shown = Sandbox(place / "root", make_root(programs, place))
        return can_show(shown, isolation=isolation, scratch=scratch)

    @property
    def release(self) -> tuple[int, int]:
        """See Workplace."""
        return sys.version_info[:2]

    @property
    def variables(self) -> Mapping[str, str]:
        """See Workplace."""
        return {"PATH": f"/{ENVIRONMENT}/bin:{PATH}"}

    def make_environment(self, pins: Sequence[BuildRequirement], workspace: Path) -> Path:
        """See Workplace."""
        return backend.environment(self.context.store, self.uv, pins, self.directory, lambda: self.builder)

    def open(self, environment: Path, workspace: Path) -> tuple[Path, tuple[Bind, ...]]:
        """See Workplace."""
        linked = os.path.dirname(os.path.dirname(os.readlink(environment / "bin/python")))
        place = workspace / "programs"
        return place / "root", make_root(find_programs((*_PREFIXES, linked)), place)

    def keep(self, environment: Path, answer: HookAnswer) -> None:
        """See Workplace."""
        inside = f"/{ENVIRONMENT}/"
        loaded = [f"{environment}/{path.removeprefix(inside)}" for path in answer.loaded if path.startswith(inside)]
        backend.keep_bytecode(self.context.store, self.uv, environment, loaded)


class ImageWorkplace(_Workplace, frozen=True):
    """A root of Debian packages with the image's interpreter. See ``Workplace``."""

    target: WheelTarget
    """of the interpreter"""
    root: Path
    variables: Mapping[str, str] = MappingProxyType({})
    """see Workplace"""
    binds: tuple[Bind, ...] = ()

    @property
    def release(self) -> tuple[int, int]:
        """See Workplace."""
        return self.target.version_info

    def make_environment(self, pins: Sequence[BuildRequirement], workspace: Path) -> Path:
        """See Workplace."""
        requirements = [constraint(pin, hashes=False) for pin in pins]
        found = resolve(
            *(requirements, self.target, self.uv),
            workspace=workspace,
            with_dependencies=False,
            directory=self.directory,
            builder=self.builder,
        )
        _check_hashes(pins, found)
        store, uv, target = self.context.store, self.uv, self.target
        name = cache_key("build environment", ENVIRONMENT_FORMAT, str(target), [pin.sha256 for pin in found])
        with store.lock(f"tree-{name}"):
            tree = store.tree(name)
            if tree is None:
                scheme = target.scheme(ENVIRONMENT)
                with store.new_tree(name) as new:
                    unpack(scheme.frame(), new)
                    for pin in found:
                        what, url = f"{pin.name} {pin.version}", uv.address(pin.url)
                        path = download(self.context, url, digest=pin.sha256, size=pin.size, what=what)
                        unpack(read_wheel(path, scheme, target, file=pin.file).entries, new)
                tree = store.tree(name)
        assert tree is not None
        return tree / ENVIRONMENT

    def open(self, environment: Path, workspace: Path) -> tuple[Path, tuple[Bind, ...]]:
        """See Workplace."""
        return self.root, self.binds

    def keep(self, environment: Path, answer: HookAnswer) -> None:
        """See Workplace."""


def _check_hashes(pins: Sequence[BuildRequirement], found: Sequence[Pin]) -> None:
    """Raise CorruptError if a wheel, or the sdist that it was built from, is not the pinned one."""
    expected = {(normalise_name(pin.name), pin.version): pin.hashes for pin in pins}
    for one in found:
        hashes = expected.get((one.name, one.version), ())
        if hashes and not {one.sha256, one.sdist}.intersection(hashes):
            raise CorruptError(
                f"{one.file}: hash mismatch: the index has {one.sdist or one.sha256}, pinned is {', '.join(hashes)}",
                hint="check the index: it serves a different file than the pinned one",
            )
