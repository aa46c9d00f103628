"""The failure checklist in real containers: docs/development/faults.md has it, with what shows each item.

The image is that of the contract's tests. A module is a group of items; a test that shows item 15 is marked
``fault(number=15)``, wherever it lies: ``pytest -m 'fault(number=15)'`` runs all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from grocker.runner import spec
from tests.e2e.contract.conftest import _engine as load
from tests.e2e.contract.conftest import docker, image_spec, services  # noqa: F401 - fixtures
from tests.e2e.contract.engine import RUNNER, Container, Done, Folders, variables

INSIDE = Path(__file__).parent / "inside"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.docker)


@dataclass(frozen=True, slots=True)
class Lab:
    """A container that stays, in which the entrypoint is run again and again; ``inside`` is there."""

    container: Container
    folders: Folders

    def run(
        self, *arguments: str, given: Mapping[str, str] | None = None, shell: str = "", user: str = "", stdin: str = ""
    ) -> Done:
        """The entrypoint once more. ``shell``: commands before it, for limits and the like."""
        options = [*variables(given or {}), *(["--user", user] if user else [])]
        line: tuple[str, ...] = (RUNNER, "run", *arguments)
        if shell:
            line = ("sh", "-c", f'{shell}; exec "$0" "$@"', *line)
        if user:
            self._forget()
        done = self.container.exec(*line, options=options, stdin=stdin or None)
        if user:
            self._forget()
        return done

    def _forget(self) -> None:
        """What one user has prepared is not another's."""
        self.container.exec("rm", "-rf", "/tmp/.grocker", options=["--user", "0"])

    def python(self, script: str, *arguments: str, root: bool = False) -> str:
        """What a module of ``inside`` printed."""
        done = self.inside(script, *arguments, root=root)
        assert done.status == 0, done
        return done.out

    def inside(self, script: str, *arguments: str, root: bool = False) -> Done:
        """A module of ``inside``, run."""
        options = ["--workdir", "/inside", *(["--user", "0"] if root else [])]
        name = f"tests.e2e.faults.inside.{script}"
        return self.container.exec("/usr/bin/python3", "-m", name, *arguments, options=options)

    def services(self, table: Mapping[str, spec.Service]) -> None:
        """From now on these are the image's."""
        path = self.folders.root.parent / "image.json"
        image = spec.decode(path.read_bytes())
        fields = {name: getattr(image, name) for name in spec.Spec.__annotations__}
        path.write_bytes(spec.encode(spec.Spec(**{**fields, "services": dict(table)})))  # the file is what is mounted

    def crontab(self, text: str | bytes) -> None:
        """From now on it is the operator's."""
        path = self.folders.config / "crontab"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o644)


def reachable(path: Path) -> Path:
    """A directory of pytest's, which are 0700, for the engine's processes, which are someone else."""
    for above in (path, *path.parents):
        if above.stat().st_mode & 0o011 != 0o011 and above.stat().st_uid == os.geteuid():
            above.chmod(above.stat().st_mode | 0o011)
    return path


@pytest.fixture(scope="module")
def lab_options() -> Sequence[str]:
    """For the module's container; a module may have its own."""
    return ()


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory: pytest.TempPathFactory, lab_options: Sequence[str]) -> Iterator[Lab]:
    docker_engine = load("docker")
    host = Folders(reachable(tmp_path_factory.mktemp("lab")) / "host").make()
    document = host.root.parent / "image.json"
    document.write_text(docker_engine.run("/opt/grocker/image.json", options=["--entrypoint", "cat"]).out)
    document.chmod(0o644)
    options = [
        *host.options,
        "--volume",
        f"{document}:{spec.PATH}:ro",
        "--volume",
        f"{INSIDE}:/inside/tests/e2e/faults/inside:ro",
    ]
    with docker_engine.started("infinity", options=[*options, *lab_options, "--entrypoint", "sleep"]) as container:
        yield Lab(container, host)


@pytest.fixture
def lab(module_lab: Lab) -> Lab:
    module_lab.folders.empty()
    return module_lab


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(reachable(tmp_path) / "host").make()
