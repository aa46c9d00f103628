"""The image that the contract is proved with: ``GROCKER_TEST_IMAGE``, else examples/polls, built once a session.

A module is a group of clauses, a test's name begins with its clause: ``grep -rn test_E5_ tests/e2e/contract``.
Fixtures: ``docker``, ``engine`` (docker, then podman), ``folders`` (the operator's), ``lab`` (a container that stays,
in which the entrypoint is run again and again: quick, but not PID 1), ``services`` (a service table of the test's own).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from grocker.runner.contract import spec
from tests.e2e.contract.engine import Container, Engine, Folders
from tests.support.side_by_side import once

ROOT = Path(__file__).resolve().parents[3]
BUILT = "grocker-test/polls-site:contract"

_loaded: dict[str, Engine] = {}
_ANEW = """
kill -KILL -1
for place in /tmp /var/tmp /dev/shm /home/blue /media /scripts; do rm -rf $place/* $place/.[!.]*; done
cp -a /root/home/. /home/blue
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.e2e)
            if "docker" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.docker)


def _build(output: str) -> str:
    settings = Path(__file__).with_name("image.toml")
    grocker = [sys.executable, "-m", "grocker", "build", str(ROOT / "examples" / "polls")]
    grocker += ["-t", BUILT, "--config", str(settings), "--output", output]
    done = subprocess.run(grocker, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def _deliver(name: str) -> str:
    """The image's id: another run on this host may give its name to another image."""
    once("contract-build", lambda: _build("store"))
    _build(name)
    return Engine(name, BUILT).check("image", "inspect", "--format", "{{.Id}}", BUILT)


def _engine(name: str) -> Engine:
    if name not in _loaded:
        prefix = ("--runtime", "runc") if name == "podman" and os.geteuid() == 0 and shutil.which("runc") else ()
        given = os.environ.get("GROCKER_TEST_IMAGE")
        engine = Engine(name, given or once(f"contract-image-{name}", lambda: _deliver(name)), prefix)
        if given is not None and engine.command("image", "inspect", given).status:
            assert name == "podman", f"{given} is not in docker"
            with subprocess.Popen(["docker", "save", given], stdout=subprocess.PIPE) as saved:
                subprocess.run([name, *prefix, "load", "--quiet"], stdin=saved.stdout, check=True, capture_output=True)
        _loaded[name] = engine
    return _loaded[name]


@pytest.fixture(
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("podman", marks=pytest.mark.podman),
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    return _engine(request.param)


@pytest.fixture
def docker() -> Engine:
    return _engine("docker")


def _folders(place: Path) -> Folders:
    for above in (place, *place.parents):  # pytest's are 0700, and the engine's processes are someone else
        mode = above.stat().st_mode
        if mode & 0o011 != 0o011 and above.stat().st_uid == os.geteuid():
            above.chmod(mode | 0o011)
    return Folders(place / "host").make()


@pytest.fixture
def folders(request: pytest.FixtureRequest, tmp_path: Path) -> Folders:
    if "lab" not in request.fixturenames:
        return _folders(tmp_path)
    container, host = request.getfixturevalue("_lab")
    done = container.exec("sh", "-c", _ANEW, options=["--user", "0"])
    assert done.status == 0, done.err
    assert isinstance(host, Folders)
    host.empty()
    return host


@pytest.fixture(scope="session")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Container, Folders]]:
    host = _folders(tmp_path_factory.mktemp("lab"))
    with _engine("docker").started("infinity", options=[*host.options, "--entrypoint", "sleep"]) as container:
        container.exec("cp", "-a", "/home/blue", "/root/home", options=["--user", "0"])
        yield container, host


@pytest.fixture
def lab(docker: Engine, folders: Folders, _lab: tuple[Container, Folders]) -> Container:
    return _lab[0]


@pytest.fixture(scope="session")
def image_spec() -> Callable[[Engine], spec.Spec]:
    """What the image under test tells its runner."""
    known: dict[str, spec.Spec] = {}

    def of(engine: Engine) -> spec.Spec:
        if engine.name not in known:
            done = engine.run("/opt/grocker/image.json", options=["--entrypoint", "cat"])
            known[engine.name] = spec.decode(done.out.encode())
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
        path.write_bytes(spec.encode(changed))
        path.chmod(0o644)
        return [*folders.options, "--volume", f"{path}:/opt/grocker/image.json:ro"]

    return options
