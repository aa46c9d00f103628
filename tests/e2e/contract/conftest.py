"""Fixtures of the contract's tests and of the fault tests, which are those marked ``fault``.

A module is a group of clauses, or of faults (``test_faults_*``). A test's name begins with its clause, as in
``grep -rn test_E5_ tests/e2e/contract``, or with its fault. ``pytest -m 'fault(number=15)'`` runs what shows fault 15.

``docker``; ``engine`` (docker, then podman); ``folders`` (the operator's); ``lab`` (a container that stays up: see
``tests.e2e.contract.lab``); ``services`` (options that replace the image's service table).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from grocker.runner.contract import codec, spec
from tests.e2e.contract import lab as labs
from tests.e2e.contract.engine import Engine, Folders, reachable
from tests.e2e.contract.image import load
from tests.e2e.contract.lab import Lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.e2e)
            if "docker" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.docker)


@pytest.fixture(
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("podman", marks=pytest.mark.podman),
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    return load(request.param)


@pytest.fixture(scope="session")
def docker() -> Engine:
    return load("docker")


@pytest.fixture
def folders(request: pytest.FixtureRequest, tmp_path: Path) -> Folders:
    """The lab's, where the test has a lab."""
    if "lab" not in request.fixturenames:
        return Folders(reachable(tmp_path) / "host").make()
    lab: Lab = request.getfixturevalue("lab")
    return lab.folders


@pytest.fixture(scope="session")
def lab_options() -> Sequence[str]:
    """Options of the lab's ``docker run``; a module may override them."""
    return ()


@pytest.fixture(scope="session")
def _labs(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Sequence[str]], Lab]]:
    """Starts a lab with the options, once a session."""
    started: dict[tuple[str, ...], Lab] = {}
    with ExitStack() as stack:

        def start(options: Sequence[str]) -> Lab:
            if (key := tuple(options)) not in started:
                place = reachable(tmp_path_factory.mktemp("lab"))
                started[key] = stack.enter_context(labs.started(docker, place, options))
            return started[key]

        yield start


@pytest.fixture
def lab(_labs: Callable[[Sequence[str]], Lab], lab_options: Sequence[str]) -> Lab:
    found = _labs(lab_options)
    found.reset()
    return found


@pytest.fixture(scope="session")
def image_spec() -> Callable[[Engine], spec.Spec]:
    """What the image under test tells its runner."""
    known: dict[str, spec.Spec] = {}

    def of(engine: Engine) -> spec.Spec:
        if engine.name not in known:
            done = engine.run("/opt/grocker/image.json", options=["--entrypoint", "cat"])
            known[engine.name] = codec.decode(done.out.encode())
        return known[engine.name]

    return of


@pytest.fixture
def services(folders: Folders, image_spec: Callable[[Engine], spec.Spec]) -> Callable[..., list[str]]:
    """Options that put another service table into the image: what the contract says of services needs bad ones too."""

    def options(engine: Engine, table: Mapping[str, spec.Service], *, any_service: bool = False) -> list[str]:
        image = image_spec(engine)
        fields = {name: getattr(image, name) for name in spec.Spec.__annotations__}
        changed = spec.Spec(**{**fields, "services": dict(table), "any_service": any_service})
        path = folders.root / "image.json"
        path.write_bytes(codec.encode(changed))
        path.chmod(0o644)
        return [*folders.options, "--volume", f"{path}:/opt/grocker/image.json:ro"]

    return options
