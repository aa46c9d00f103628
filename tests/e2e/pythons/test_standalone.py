"""Images with a standalone interpreter: Debian 12's Python 3.11 in the place and layout of python-build-standalone's,
on Debian 13, listed and served as its releases are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grocker import debian
from grocker.digest import parse as digest_of
from grocker.errors import MissingError
from grocker.progress import Silent
from grocker.store import Store
from grocker.store.fetch import fetch
from grocker.web import Transport
from tests.e2e.contract.engine import Engine
from tests.support.compilers import warm
from tests.support.patience import PATIENCE
from tests.support.side_by_side import directory, once
from tests.support.standalone import LIBRARIES, Archive, archive_of_packages, serve

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network, pytest.mark.long(130)]

_APPLICATION = """\
import ctypes, json, netifaces, sqlite3, ssl, sys, sysconfig, zoneinfo
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return {
        "version": sys.version.split()[0],
        "base": sys.base_prefix,
        "prefix": sys.prefix,
        "zone": str(zoneinfo.ZoneInfo("Europe/Paris")),
        "authorities": len(ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt").get_ca_certs()),
        "bytecode": json.__cached__,
        "compiler": sysconfig.get_config_var("CC"),
        "interfaces": len(netifaces.interfaces()) > 0,
    }
"""
_SETTINGS = f"""\
python = "3.11"
dependencies = {json.dumps(LIBRARIES)}

[build]
dependencies = {json.dumps(LIBRARIES)}

[debian]
suite = "trixie"
"""
_SERIES = "3.11"


def _make() -> str:
    """Make the archive once a run; return its path."""
    place = directory() / "standalone"
    mirrors = debian.find_mirrors(environ=os.environ)
    parts = ("python{}-minimal", "libpython{}-minimal", "libpython{}-stdlib", "libpython{}-dev", "python{}-dev")
    names = {one.format(_SERIES) for one in parts}
    with Store.open(directory() / "archive") as store, Transport(environ=os.environ) as transport:
        archive = debian.open_archive(
            *(mirrors, "bookworm", "amd64"),
            store=store,
            transport=transport,
            progress=Silent(),
            now=datetime.now(UTC),
        )
        packages = [one for one in debian.resolve(archive.indexes, tuple(names)).packages if one.name in names]
        debs = [
            fetch(
                *(store, transport, f"{archive.address(one.suite)}/{one.filename}"),
                digest=one.sha256,
                size=one.size,
                what=one.name,
                progress=Silent(),
            )
            for one in packages
        ]
        return str(archive_of_packages(debs, place).path)


@dataclass
class Site:
    """A project and where its builds find interpreters."""

    project: Path
    archive: Archive
    environ: dict[str, str]

    def grocker(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "grocker", *arguments],
            cwd=self.project,
            env={**os.environ, **self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def built(self, *arguments: str, **environ: str) -> str:
        """Build, and return the digest."""
        done = self.grocker("build", ".", *arguments, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().rpartition("@")[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = Path(once("standalone-archive", _make))
    match = re.match(r"cpython-([\d.]+)\+", path.name)
    assert match is not None
    place = tmp_path_factory.mktemp("site")
    served = place / "served"
    served.mkdir()
    archive = Archive(Path(shutil.copy(path, served)), match[1])
    project = place / "site"
    project.mkdir()
    for name, text in (
        ("app.py", _APPLICATION),
        ("requirements.txt", "flask\nnetifaces==0.11.0\n"),
        ("grocker.toml", _SETTINGS),
    ):
        (project / name).write_text(text)
    with serve(served, [archive]) as address:
        cache = {"GROCKER_CACHE": str(warm(place / "cache"))}
        yield Site(project, archive, {**cache, "UV_PYTHON_DOWNLOADS_JSON_URL": address})


@pytest.fixture(scope="module")
def image(site: Site) -> Engine:
    name = "grocker-test/standalone:1"
    site.built("-t", name, "-o", "docker")
    return Engine("docker", name)


def test_application_runs_with_it_and_finds_all_that_it_needs(site: Site, image: Engine) -> None:
    """Time zones, certificates, bytecode, and a module compiled in the sandbox for it."""
    with image.started("start", "www") as container:
        container.wait_for("Booting worker")
        with urllib.request.urlopen(f"http://{container.address()}:8080/", timeout=PATIENCE) as answer:
            found = json.load(answer)
    assert found == {
        "version": site.archive.version,
        "base": "/opt/python",
        "prefix": "/opt/venv",
        "zone": "Europe/Paris",
        "authorities": found["authorities"],
        "bytecode": "/opt/python/lib/python3.11/json/__pycache__/__init__.cpython-311.pyc",
        "compiler": "gcc",
        "interfaces": True,
    }
    assert found["authorities"] > 100


def test_scripts_and_runner_run_with_it_and_debian_has_none(image: Engine) -> None:
    done = image.run("sh", "-c", "readlink -f /usr/bin/python3; head -1 /opt/grocker/bin/grocker-runner; which python")
    assert done.out.split("\n")[:3] == [
        "/opt/python/bin/python3.11",
        "#!/opt/python/bin/python3 -IS",
        "/opt/venv/bin/python",
    ]
    lacking = image.run("python", "-c", "import tkinter")
    assert lacking.status == 1 and "No module named 'tkinter'" in lacking.err
    every = image.run(
        "sh",
        "-c",
        "find /opt/python -name '*.py' ! -path '*/__pycache__/*' | wc -l; find /opt/python -name '*.pyc' | wc -l",
    )
    sources, compiled = map(int, every.out.split())
    assert compiled >= sources - 5 > 400


def test_plan_lock_and_inspect_tell_version_and_build(site: Site, image: Engine) -> None:
    text = site.grocker("plan", ".").stdout
    assert f"base: Debian trixie, Python {site.archive.version} (standalone, build 20261110)" in text
    assert "why this Python: [tool.grocker] python; debian.suite" in text
    shown = site.grocker("inspect", image.image).stdout
    assert f"Python {site.archive.version} (standalone, build 20261110)" in shown
    assert " interpreter" in shown


def test_locked_build_is_the_same_image_without_any_network_when_the_cache_is_warm(site: Site, image: Engine) -> None:
    made = site.grocker("lock", ".")
    assert made.returncode == 0, made.stderr
    lock = site.project / "grocker.lock"
    try:
        text = lock.read_text()
        assert f'sha256 = "sha256:{site.archive.sha256}"' in text
        assert "://" not in text
        nowhere = {
            "UV_PYTHON_DOWNLOADS_JSON_URL": "http://127.0.0.1:9/list.json",
            "UV_DEFAULT_INDEX": "http://127.0.0.1:9",
            "UV_HTTP_RETRIES": "0",
        }
        first = site.built("--locked", "-o", "store")
        mirrors = {
            "GROCKER_DEBIAN_MIRROR": "http://127.0.0.1:9",
            "GROCKER_DEBIAN_SECURITY_MIRROR": "http://127.0.0.1:9",
        }
        assert site.built("--locked", "-o", "store", **nowhere, **mirrors) == first
    finally:
        lock.unlink()


def test_build_is_the_same_on_a_cache_without_files_wheels_and_layers(
    site: Site, image: Engine, tmp_path: Path
) -> None:
    """Only what was unpacked to compile in is kept: that takes longest."""
    kept, cache = Path(site.environ["GROCKER_CACHE"], "v1"), tmp_path / "cache" / "v1"
    (cache / "steps").mkdir(parents=True)
    subprocess.run(["cp", "-al", kept / "trees", cache / "trees"], check=True)
    for step in (kept / "steps").glob("tree-*"):
        os.link(step, cache / "steps" / step.name)
    again = site.built("-t", "grocker-test/standalone:1", "-o", "store", GROCKER_CACHE=str(tmp_path / "cache"))
    assert again == site.built("-t", "grocker-test/standalone:1", "-o", "store")


def test_archive_with_another_digest_is_refused(site: Site, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    other = replace(site.archive, path=Path(shutil.copy(site.archive.path, tmp_path / "served")))
    with serve(tmp_path / "served", [other]) as address:
        with other.path.open("ab") as stream:
            stream.write(b"\0")
        environ = {"UV_PYTHON_DOWNLOADS_JSON_URL": address, "GROCKER_CACHE": str(warm(tmp_path / "cache"))}
        done = site.grocker("build", ".", "-o", "store", **environ)
    assert done.returncode == 65
    assert f"fetching Python {site.archive.version}: expected sha256:{site.archive.sha256}, got sha256:" in done.stderr


def test_server_that_is_unreachable_is_an_error_that_names_the_mirror_and_debians_python(
    site: Site, tmp_path: Path
) -> None:
    key, row = site.archive.row
    (tmp_path / "list.json").write_text(json.dumps({key: {**row, "url": "http://127.0.0.1:9/python.tar.gz"}}))
    environ = {
        "UV_PYTHON_DOWNLOADS_JSON_URL": (tmp_path / "list.json").as_uri(),
        "GROCKER_CACHE": str(warm(tmp_path / "cache")),
    }
    done = site.grocker("build", ".", "-o", "store", **environ)
    assert done.returncode == 69
    assert f"fetching Python {site.archive.version}: " in done.stderr
    assert "UV_PYTHON_INSTALL_MIRROR" in done.stderr
    assert 'set python = "3.11" in [tool.grocker]' in done.stderr


def test_python_that_nobody_has_is_one_error_that_lists_what_there_is(site: Site, tmp_path: Path) -> None:
    settings = tmp_path / "grocker.toml"
    settings.write_text('python = "3.8"\n')
    done = site.grocker("plan", ".", "--config", str(settings))
    assert done.returncode == 66
    assert "no Python 3.8 is available" in done.stderr
    assert "3.13 (trixie), 3.14 (forky), 3.11 (bookworm); or a standalone one: 3.11" in done.stderr


_OLD = {
    "python3.9/libpython3.9-minimal_3.9.2-1": "594283526d67e03e3c4e96534f6bfe5da1bf41da5d49360553c9b79fbf08c4ab",
    "python3.9/libpython3.9-stdlib_3.9.2-1": "32ac64d959ac2dbc5bb289532fc9834dab8f671b5455695a3a9315aad973c65b",
    "python3.9/python3.9-minimal_3.9.2-1": "5d6003c5c20223a2547ac4976e09a9ec778dbe351507a6292bef3b60df5f4aa7",
    "libffi/libffi7_3.3-6": "30ca89bfddae5fa6e0a2a044f22b6e50cd17c4bc6bc850c579819aeab7101f0f",
    "mpdecimal/libmpdec3_2.5.1-1": "816404866f754d5662d69db50072018dccb78cf372fc38e0be961fab0f57d741",
    "openssl/libssl1.1_1.1.1w-0+deb11u1": "aadf8b4b197335645b230c2839b4517aa444fd2e8f434e5438c48a18857988f7",
}
"""Packages of Debian 11 with the oldest Python that images can have: path in the pool, sha256"""
_SEEN = """\
import importlib, json, pkgutil, sys
sys.path.insert(0, "/opt/grocker/lib")
import grocker_runner
lacking = []
for module in pkgutil.walk_packages(grocker_runner.__path__, "grocker_runner."):
    try:
        importlib.import_module(module.name)
    except Exception as error:
        lacking.append(f"{module.name}: {error!r}")
print(json.dumps([sys.version_info[:2], lacking]))
"""


def _make_old() -> str:
    mirrors = debian.find_mirrors(environ=os.environ)
    debs = []
    with Store.open(directory() / "archive") as store, Transport(environ=os.environ) as transport:
        for name, sha256 in _OLD.items():
            source = name.partition("/")[0]
            pool = f"pool/main/{'libf' if source == 'libffi' else source[0]}/{name}_amd64.deb"
            digest = digest_of(f"sha256:{sha256}")
            url = f"{mirrors.archive[0]}/{pool}"
            debs.append(fetch(store, transport, url, digest=digest, size=None, what=name, progress=Silent()))
    return str(archive_of_packages(debs, directory() / "standalone").path)


def test_oldest_python_is_chosen_by_its_file_and_runs_service_runner_and_cron(tmp_path: Path) -> None:
    """``.python-version`` alone names it; every module of the runner can be imported with it."""
    try:
        path = Path(once("standalone-archive-3.9", _make_old))
    except MissingError:
        pytest.skip("the host's mirror no longer has Debian 11")
    (tmp_path / "served").mkdir()
    archive = Archive(Path(shutil.copy(path, tmp_path / "served")), "3.9.2")
    project = tmp_path / "old"
    project.mkdir()
    files = {
        "app.py": "import sys\nfrom flask import Flask\napp = Flask(__name__)\n\n"
        "@app.get('/')\ndef index():\n    return list(sys.version_info[:2])\n",
        "requirements.txt": "flask\n",
        ".python-version": "3.9.1\n",
        "crontab": "# grocker: name=hello\n@reboot python -c 'import sys; print(sys.version[:3])'\n* * * * * true\n",
        "grocker.toml": f'crontab = "crontab"\ndependencies = {json.dumps(LIBRARIES)}\n'
        'env = { LD_LIBRARY_PATH = "/opt/python/lib" }  # which real archives do not need\n',
    }
    for name, text in files.items():
        (project / name).write_text(text)
    with serve(tmp_path / "served", [archive]) as address:
        environ = {"GROCKER_CACHE": str(warm(tmp_path / "cache")), "UV_PYTHON_DOWNLOADS_JSON_URL": address}
        site = Site(project, archive, environ)
        assert ".python-version asks for Python 3.9, which no Debian suite has" in site.grocker("plan", ".").stdout
        site.built("-t", "grocker-test/standalone-old:1", "-o", "docker")
    image = Engine("docker", "grocker-test/standalone-old:1")
    with image.started("start", "www") as container:
        container.wait_for("Booting worker")
        with urllib.request.urlopen(f"http://{container.address()}:8080/", timeout=PATIENCE) as answer:
            assert json.load(answer) == [3, 9]
        assert container.exec("grocker-runner", "health").status == 0
        assert container.stop() == 0
    with image.started("cron") as container:
        container.wait_for("hello[")
        container.wait_for("3.9")
    seen = image.run("/opt/python/bin/python3", "-IS", "-c", _SEEN)
    assert json.loads(seen.out) == [[3, 9], []], seen.err
