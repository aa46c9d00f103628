"""Lock files made by the tools themselves, with versions below the newest: the image has exactly these.

Each tool is installed from the host's index into an environment of its own, and told that index at run time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from grocker.python import find_uv
from tests.support.side_by_side import directory, once

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.slow, pytest.mark.long(45)]

PINS = {"httpx": "0.27.0", "idna": "3.6", "anyio": "4.4.0"}
"""pure, and below the newest"""
GROUP = {"itsdangerous": "2.1.2"}
DEVELOPMENT = {"six": "1.16.0"}
Versions = dict[str, str]


def run(*command: str | Path, place: Path, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=place, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def uv() -> Path:
    return find_uv(os.environ).executable


def tool(name: str, requirement: str) -> Path:
    """The program of a tool in its own environment, made once a run."""

    def install() -> str:
        place = directory() / f"tool-{name}-environment"
        environment = find_uv(os.environ, cache=directory() / "uv").environment
        run(uv(), "venv", "--quiet", "--seed", "--python", sys.executable, place, place=directory(), **environment)
        python = ("--python", place / "bin" / "python")
        run(uv(), "pip", "install", "--quiet", *python, requirement, place=directory(), **environment)
        return str(place / "bin" / name)

    return Path(once(f"tool-{name}", install))


def index(place: Path) -> str:
    """The index that the host's configuration names, as uv writes it into a lock."""
    probe = place / "probe"
    probe.mkdir()
    (probe / "pyproject.toml").write_text(
        '[project]\nname = "probe"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["six"]\n'
    )
    run(uv(), "lock", "--quiet", place=probe, **find_uv(os.environ).environment)
    packages = tomllib.loads((probe / "uv.lock").read_text())["package"]
    return str(next(one["source"]["registry"] for one in packages if one["name"] == "six"))


def described(more: str = "") -> str:
    def listed(pins: Mapping[str, str]) -> str:
        return json.dumps([f"{name}=={version}" for name, version in pins.items()])

    return (
        f'[project]\nname = "demo"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = {listed(PINS)}\n'
        f"[dependency-groups]\ndev = {listed(DEVELOPMENT)}\nprod = {listed(GROUP)}\n{more}"
    )


def tables(path: Path, key: str = "package") -> Versions:
    found = tomllib.loads(path.read_text())[key]
    return {one["name"].lower(): one["version"] for one in found if "version" in one}


def lock_by_uv(place: Path, address: str) -> Versions:
    (place / "pyproject.toml").write_text(described())
    run(uv(), "lock", "--quiet", place=place, **find_uv(os.environ).environment)
    return tables(place / "uv.lock")


def lock_by_pip(place: Path, address: str) -> Versions:
    (place / "requirements.in").write_text("".join(f"{name}=={version}\n" for name, version in PINS.items()))
    run(tool("pip", "pip>=25.1"), "lock", "--quiet", "-r", "requirements.in", place=place)
    return tables(place / "pylock.toml", "packages")


def lock_by_poetry(place: Path, address: str) -> Versions:
    def listed(pins: Mapping[str, str]) -> str:
        return "".join(f'{name} = "{version}"\n' for name, version in pins.items())

    (place / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "demo"\nversion = "1.0"\ndescription = ""\nauthors = []\npackage-mode = false\n'
        f'[tool.poetry.dependencies]\npython = "^3.11"\n{listed(PINS)}'
        f"[tool.poetry.group.dev.dependencies]\n{listed(DEVELOPMENT)}"
        f"[tool.poetry.group.prod.dependencies]\n{listed(GROUP)}"
    )
    # Poetry trusts only the certificates that it comes with, unless it is told otherwise.
    certificates = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or ""
    program = tool("poetry", "poetry")
    home = {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "REQUESTS_CA_BUNDLE": certificates}
    run(program, "source", "add", "--priority=primary", "host", address, place=place, **home)
    run(program, "lock", "--no-interaction", place=place, **home)
    return tables(place / "poetry.lock")


def lock_by_pdm(place: Path, address: str) -> Versions:
    (place / "pyproject.toml").write_text(described("[tool.pdm]\ndistribution = false\n"))
    run(tool("pdm", "pdm[locked]"), "lock", "--quiet", place=place, PDM_PYPI_URL=address, PDM_CHECK_UPDATE="0")
    return tables(place / "pdm.lock")


def lock_by_pipenv(place: Path, address: str) -> Versions:
    def listed(pins: Mapping[str, str]) -> str:
        return "".join(f'{name} = "=={version}"\n' for name, version in pins.items())

    (place / "Pipfile").write_text(
        f'[[source]]\nname = "host"\nurl = "{address}"\nverify_ssl = true\n'
        f"[packages]\n{listed(PINS)}[dev-packages]\n{listed(DEVELOPMENT)}[prod]\n{listed(GROUP)}"
    )
    variables = {"PIPENV_PYPI_MIRROR": address, "PIPENV_VENV_IN_PROJECT": "1", "PIPENV_IGNORE_VIRTUALENVS": "1"}
    program = tool("pipenv", "pipenv")
    run(program, "lock", place=place, **variables)
    run(program, "lock", "--categories", "prod", place=place, **variables)
    sections = json.loads((place / "Pipfile.lock").read_text())
    found = {**sections["default"], **sections.get("prod", {})}
    return {name: one["version"].removeprefix("==") for name, one in found.items()}


LOCKS: dict[str, Callable[[Path, str], Versions]] = {
    "uv.lock": lock_by_uv,
    "pylock.toml": lock_by_pip,
    "poetry.lock": lock_by_poetry,
    "pdm.lock": lock_by_pdm,
    "Pipfile.lock": lock_by_pipenv,
}


def grocker(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grocker", *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


def installed(place: Path, *arguments: str) -> Versions:
    done = grocker(place, "plan", ".", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    [platform] = json.loads(done.stdout)["platforms"]
    return {one["name"]: one["version"] for one in platform["python_packages"]}


@pytest.mark.parametrize("name", LOCKS)
def test_versions_in_the_image_are_those_of_the_real_tools_lock(tmp_path: Path, name: str) -> None:
    place = tmp_path / "demo"
    place.mkdir()
    (place / "app.py").write_text("import httpx\n")
    locked = LOCKS[name](place, index(tmp_path))
    found = installed(place)
    assert found == {one: locked[one] for one in found}
    assert found.items() >= PINS.items()
    assert found.keys() >= {"certifi", "h11", "httpcore", "sniffio"}
    assert not found.keys() & {*GROUP, *DEVELOPMENT}
    if name != "pylock.toml":
        assert installed(place, "--group", "prod").items() >= {**PINS, **GROUP}.items()
    image = grocker(place, "build", ".", "--output", f"oci:{tmp_path}/image")
    assert image.returncode == 0, image.stderr
    report = json.loads(grocker(place, "inspect", f"oci:{tmp_path}/image", "--json").stdout)
    assert f'"version": "{PINS["idna"]}"' in json.dumps(report)

    path = place / name
    # Every hash is turned by a digit; what the caches hold does not count for a lock that says otherwise.
    path.write_text(re.sub(r"\b([0-9a-f])([0-9a-f]{63})\b", r"\2\1", path.read_text()))
    tampered = grocker(place, "build", ".", "--output", f"oci:{tmp_path}/tampered")
    assert tampered.returncode in (65, 69, 78), tampered.stderr
    assert "sha256" in tampered.stderr or "hash" in tampered.stderr
    assert not (tmp_path / "tampered").exists()
