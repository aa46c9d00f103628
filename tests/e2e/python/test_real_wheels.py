"""A Django project, this host's package index and Debian archive, and the interpreters of both suites."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grocker import debian
from grocker.errors import SettingsError
from grocker.lock.values import DebianPackage
from grocker.platforms.suites import SUITES
from grocker.progress import Silent
from grocker.python import (
    Compiler,
    InstallScheme,
    InterpreterTree,
    Wheel,
    WheelTarget,
    active_requirements,
    add_bytecode,
    build_wheel,
    check_python,
    find_django,
    find_uv,
    overlay,
    read_project,
    read_tree,
    read_wheel,
    resolve,
    resolve_build,
)
from grocker.store import Store
from grocker.store.fetch import fetch
from grocker.tar.entry import Entry, File, Symlink
from grocker.tar.unpack import unpack
from grocker.web import Transport
from tests.support.side_by_side import directory

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.long(35)]

POLLS = Path(__file__).parents[3] / "examples" / "polls"
PYTHONS = {"trixie": ("3.13", (2, 41)), "bookworm": ("3.11", (2, 36))}
EPOCH = 315532800
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True)
class Root:
    """A suite's packages below an application, unpacked."""

    path: Path
    target: WheelTarget

    @property
    def interpreter(self) -> InterpreterTree:
        return InterpreterTree(self.path, self.target.python, "amd64")

    @property
    def layout(self) -> InstallScheme:
        return InstallScheme(self.target.python)


@pytest.fixture(
    scope="module", params=[pytest.param(suite, marks=pytest.mark.xdist_group(f"root-{suite}")) for suite in PYTHONS]
)
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    try:
        mirrors = debian.find_mirrors(environ=os.environ)
    except SettingsError as error:
        pytest.skip(error.message)
    path = tmp_path_factory.mktemp(request.param)
    progress = Silent()
    with Store.open(directory() / "archive") as store, Transport(environ=os.environ) as transport:
        archive = debian.open_archive(
            mirrors,
            request.param,
            "amd64",
            store=store,
            transport=transport,
            progress=progress,
            now=datetime.now(UTC),
        )

        def read(package: DebianPackage) -> tuple[Entry, ...]:
            file = fetch(
                store,
                transport,
                f"{archive.address(package.suite)}/{package.filename}",
                digest=package.sha256,
                size=package.size,
                what=package.name,
                progress=progress,
            )
            return debian.unpack(file, name=package.name).entries

        with ThreadPoolExecutor(4) as pool:
            suite = SUITES[request.param]
            packages = debian.resolve(archive.indexes, (*suite.base, *suite.interpreter)).packages
            entries = list(pool.map(read, packages))
    unpack([entry for one in entries for entry in one], path)
    for name in ("bin", "lib", "lib64", "sbin"):
        if not (path / name).exists():
            (path / name).symlink_to(f"usr/{name}")
    python, glibc = PYTHONS[request.param]
    yield Root(path, WheelTarget(python, "amd64", glibc))
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def wheels(root: Root, tmp_path_factory: pytest.TempPathFactory) -> tuple[Wheel, ...]:
    """The application's wheel, first, and all that it needs."""
    work = tmp_path_factory.mktemp("work")
    for name in ("requires", "build", "resolve"):
        (work / name).mkdir()
    project, tree = read_project(POLLS), read_tree(POLLS, now=time.time_ns())
    uv = find_uv(os.environ)
    pins = resolve_build(project.build_requires, uv, workspace=work / "requires")
    assert pins
    assert all(pin.hashes for pin in pins)
    with Store.open(work / "cache") as store:
        own = build_wheel(project, tree, uv, workspace=work / "build", epoch=EPOCH, store=store, pins=pins)
    application = read_wheel(own, root.layout, root.target)
    check_python(application.metadata, root.target)
    requirements = (
        *active_requirements(application.name, application.metadata.requires, [], root.target),
        "gunicorn",
        "psycopg[binary]",
    )
    found = []
    for pin in resolve(requirements, root.target, uv, workspace=work / "resolve"):
        path = work / pin.file
        with urllib.request.urlopen(pin.url) as answer:
            path.write_bytes(answer.read())
        assert "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest() == pin.sha256
        found.append(read_wheel(path, root.layout, root.target))
    return (application, *found)


def test_django_project_runs_in_a_tree_of_the_suite(root: Root, wheels: tuple[Wheel, ...]) -> None:
    application = wheels[0]
    django = find_django(application)
    assert django is not None
    assert django.wsgi == "polls_site.wsgi:application"
    entries: list[Entry] = []
    with Compiler(root.interpreter) as compiler:
        for _, own in overlay((wheel.file, wheel.entries) for wheel in wheels):
            entries += add_bytecode(compiler, own, checked=True)
    unpack(
        [
            *entries,
            File("opt/venv/pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\n"),
            Symlink("opt/venv/bin/python", f"/usr/bin/python{root.target.python}"),
        ],
        root.path,
    )
    program = "import django, sys; print(django.VERSION[0] > 4, django.__cached__, sys.prefix)"
    # As chroot where we may, else by the image's own loader, which finds the same files.
    if os.geteuid() == 0:
        started = ["chroot", str(root.path), "/opt/venv/bin/python", "-v", "-c", program]
        done = subprocess.run(started, capture_output=True, text=True, check=True, env=PATH)
        site = f"/{root.layout.site}"
        tag = f"cpython-{root.target.python.replace('.', '')}"
        assert done.stdout == f"True {site}/django/__pycache__/__init__.{tag}.pyc /opt/venv\n"
        assert re.search(rf"# {re.escape(site)}/django/__pycache__/\S+ matches", done.stderr)
        assert "wrote" not in done.stderr
        command = ["chroot", str(root.path), "/opt/venv/bin/gunicorn", "--version"]
        assert "gunicorn" in subprocess.run(command, capture_output=True, text=True, check=True, env=PATH).stdout
    else:
        arguments = root.interpreter.arguments()
        environment = {**root.interpreter.environment(), "PYTHONPATH": str(root.path / root.layout.site)}
        done = subprocess.run([*arguments, "-c", program], capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.startswith("True ")


def test_bytecode_does_not_depend_on_order_company_or_process(root: Root, wheels: tuple[Wheel, ...]) -> None:
    """The whole standard library and every wheel, in three orders, each by processes of its own."""
    sources = {
        str(path.relative_to(root.path)): path.read_bytes()
        for path in sorted((root.path / "usr" / "lib" / f"python{root.target.python}").rglob("*.py"))
        if path.is_file()
    }
    for wheel in wheels:
        for entry in wheel.entries:
            if isinstance(entry, File) and entry.path.endswith(".py") and isinstance(entry.data, bytes):
                sources[entry.path] = entry.data
    assert len(sources) > 1000
    order = sorted(sources.items())

    def compiled(processes: int) -> dict[str, str]:
        with Compiler(root.interpreter, processes=processes) as compiler:
            return {path: hashlib.sha256(pyc).hexdigest() for path, pyc in compiler.compile(order)}

    first = compiled(1)
    assert len(first) > 0.98 * len(sources)
    for seed in (1, 2):
        random.Random(seed).shuffle(order)
        assert compiled(2) == first


def test_wheels_are_chosen_for_the_other_architecture(tmp_path: Path) -> None:
    uv = find_uv(os.environ)
    (binary,) = (
        pin
        for pin in resolve(["psycopg[binary]"], WheelTarget("3.13", "arm64"), uv, workspace=tmp_path)
        if pin.name == "psycopg-binary"
    )
    assert "aarch64" in binary.file
    assert "cp313" in binary.file
