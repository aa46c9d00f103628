"""Dependencies that need a compiler are compiled by plain `grocker build`, and work in the image."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.build.conftest import Anywhere, anywhere, home_of  # noqa: F401 - fixtures
from tests.support import rootless
from tests.support.compilers import own_compiler_cache, pack

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.root, pytest.mark.long(250)]
UID = 4324
SETUP = """
from setuptools import Extension, setup
setup(name="made-up", version="1.0", ext_modules=[Extension("made_up", ["made_up.c"], libraries=["yaml"])])
"""
RUST = {
    "pyproject.toml": """
        [build-system]
        requires = ["maturin>=1.8,<2", "cffi"]
        build-backend = "maturin"
        [project]
        name = "rusty"
        version = "1.0"
        requires-python = ">=3.11"
        dependencies = ["cffi", "cmaked==1.0"]
        [tool.maturin]
        bindings = "cffi"
        python-source = "python"
        module-name = "rusty._native"
        [tool.grocker.debian]
        suite = "trixie"
        [tool.grocker.services.www]
        wsgi = "rusty:app"
        [tool.uv]
        find-links = ["LINKS"]
        """,
    "Cargo.toml": """
        [package]
        name = "rusty"
        version = "1.0.0"
        edition = "2021"
        [lib]
        crate-type = ["cdylib"]
        [dependencies]
        made-up = "1"
        """,
    "Cargo.lock": """
        version = 4
        [[package]]
        name = "made-up"
        version = "1.0.0"
        source = "registry+https://github.com/rust-lang/crates.io-index"
        checksum = "CHECKSUM"
        [[package]]
        name = "rusty"
        version = "1.0.0"
        dependencies = ["made-up"]
        """,
    "src/lib.rs": '#[no_mangle] pub extern "C" fn twice(x: i32) -> i32 { made_up::checked(2 * x) }\n',
    "python/rusty/__init__.py": "def app(environ, start): ...\n",
}
CRATE = {
    "Cargo.toml": '[package]\nname = "made-up"\nversion = "1.0.0"\nedition = "2021"\n',
    "src/lib.rs": 'pub fn checked(x: i32) -> i32 { if x > 99 { panic!("{} is large", x) } x }\n',
}
CMAKED = {
    "pyproject.toml": """
        [build-system]
        requires = ["scikit-build-core"]
        build-backend = "scikit_build_core.build"
        [project]
        name = "cmaked"
        version = "1.0"
        """,
    "PKG-INFO": "Metadata-Version: 2.1\nName: cmaked\nVersion: 1.0\n",
    "CMakeLists.txt": """
        cmake_minimum_required(VERSION 3.18)
        project(cmaked LANGUAGES C)
        find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
        python_add_library(cmaked MODULE cmaked.c WITH_SOABI)
        install(TARGETS cmaked DESTINATION .)
        """,
    "cmaked.c": """
        #include <Python.h>
        static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "cmaked", NULL, -1, NULL};
        PyMODINIT_FUNC PyInit_cmaked(void) {
            PyObject *made = PyModule_Create(&module);
            PyModule_AddStringConstant(made, "file", __FILE__);
            return made;
        }
        """,
}
MODULE = """
#include <Python.h>
#include <yaml.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "made_up", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_made_up(void) {
    PyObject *made = PyModule_Create(&module);
    PyModule_AddStringConstant(made, "version", yaml_get_version_string());
    PyModule_AddStringConstant(made, "file", __FILE__);
    return made;
}
"""


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """One cache for the builds of root, which they change."""
    directory = Path(tempfile.mkdtemp(prefix="grocker-compiled-", dir="/var/tmp"))
    yield own_compiler_cache(directory)
    subprocess.run(["rm", "-rf", directory], check=False)  # a third of the time that Python takes


def project(directory: Path, *requirements: str, more: str = "") -> Path:
    """A tree for one suite: else all are asked whether they have wheels."""
    directory.mkdir()
    directory.chmod(0o755)
    (directory / "requirements.txt").write_text("".join(f"{one}\n" for one in requirements))
    (directory / "app.py").write_text("def app(environ, start_response): ...\n")
    settings = '[tool.grocker.debian]\nsuite = "trixie"\n[tool.grocker.services.www]\nwsgi = "app:app"\n'
    (directory / "pyproject.toml").write_text(settings + more)
    return directory


def grocker(*arguments: str | Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "grocker", *arguments],
        env={**environment, "SECRET": "leaked"},
        capture_output=True,
        text=True,
        check=False,
    )


def build(source: Path, image: Path, cache: Path, *options: str) -> dict[str, Any]:
    environment = {**os.environ, "GROCKER_CACHE": str(cache)}
    done = grocker("build", source, "--json", "--output", f"oci:{image}", *options, environment=environment)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def run_in(image: Path, root: Path, code: str) -> str:
    """Run Python code by the image's interpreter, in its root."""

    def blob(digest: str) -> bytes:
        return (image / "blobs" / digest.replace(":", "/")).read_bytes()

    [manifest] = json.loads((image / "index.json").read_bytes())["manifests"]
    root.mkdir()
    for layer in json.loads(blob(manifest["digest"]))["layers"]:
        with tarfile.open(fileobj=io.BytesIO(blob(layer["digest"]))) as archive:
            archive.extractall(root)  # no filter: Python 3.11.2 has none, and the layers are ours
    python = ["chroot", str(root), "/opt/venv/bin/python", "-c", code]
    done = subprocess.run(python, capture_output=True, text=True, check=False, env={"PATH": "/usr/sbin:/usr/bin"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_package_of_a_missing_header_is_added(tmp_path: Path, cache: Path) -> None:
    links = tmp_path / "links"
    backend = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    about = "Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n"
    files = {"setup.py": SETUP, "made_up.c": MODULE, "pyproject.toml": backend, "PKG-INFO": about}
    pack(links / "made_up-1.0.tar.gz", "made_up-1.0", files)
    found = f'[tool.uv]\nfind-links = ["{links}"]\n'
    environment = {**os.environ, "GROCKER_CACHE": str(cache)}
    source = project(tmp_path / "bare", "made-up==1.0", more=found)
    foreign = grocker(
        "build", source, "--platform", _foreign(), "--output", f"oci:{tmp_path}/x", environment=environment
    )
    assert foreign.returncode == 66
    assert "made-up 1.0" in foreign.stderr
    assert "cannot be compiled for" in foreign.stderr

    build(source, tmp_path / "image", cache)
    said = run_in(tmp_path / "image", tmp_path / "root", "import made_up; print(made_up.version, made_up.file)")
    assert said.split()[1] == "made_up.c"

    done = grocker("lock", source, environment=environment)
    assert done.returncode == 0, done.stderr
    lock = (source / "grocker.lock").read_text()
    assert 'libraries = [\n    "libyaml-0-2",\n]' in lock
    # Another host: nothing is kept but what was unpacked, and the wheel is the locked one.
    for path in (cache / "v1" / "steps").iterdir():
        if not path.name.startswith("tree-"):
            path.unlink()
    for path in (cache / "v1" / "downloads").iterdir():
        if path.is_file() and path.read_bytes()[:4] == b"PK\x03\x04":
            path.unlink()
    build(source, tmp_path / "again", cache, "--locked")


def test_extension_of_the_project_itself_is_compiled_with_the_version_of_its_tag(tmp_path: Path, cache: Path) -> None:
    source = tmp_path / "fastapp"
    (source / "fastapp").mkdir(parents=True)
    (source / "pyproject.toml").write_text(
        """
        [build-system]
        requires = ["setuptools>=77", "cython", "setuptools-scm>=8"]
        build-backend = "setuptools.build_meta"
        [project]
        name = "fastapp"
        dynamic = ["version"]
        [tool.setuptools]
        ext-modules = [{name = "fastapp._fast", sources = ["fastapp/_fast.pyx"]}]
        packages = ["fastapp"]
        [tool.setuptools_scm]
        [tool.grocker.debian]
        suite = "trixie"
        [tool.grocker.services.www]
        wsgi = "fastapp:app"
        """
    )
    (source / "fastapp/_fast.pyx").write_text("def double(int x): return 2 * x\n")
    (source / "fastapp/__init__.py").write_text("from fastapp._fast import double\ndef app(environ, start): ...\n")
    for arguments in (["init"], ["add", "."], ["commit", "-m", "first"], ["tag", "v3.2"]):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
        subprocess.run(["git", "-C", source, *identity, *arguments], check=True, capture_output=True)
    made = build(source, tmp_path / "image", cache)
    code = "import fastapp, importlib.metadata as m; print(fastapp.double(21), m.version('fastapp'))"
    assert run_in(tmp_path / "image", tmp_path / "root", code).split() == ["42", "3.2"]
    environment = {**os.environ, "GROCKER_CACHE": str(cache)}
    again = grocker(
        "build", source, "--json", "--refresh", "--output", f"oci:{tmp_path}/again", environment=environment
    )
    assert json.loads(again.stdout)["digest"] == made["digest"]
    assert "compiling" not in again.stderr
    foreign = grocker(
        "build", source, "--platform", _foreign(), "--output", f"oci:{tmp_path}/x", environment=environment
    )
    assert foreign.returncode == 66
    assert "fastapp: it has compiled modules, which cannot be compiled for " in foreign.stderr


@pytest.mark.rootless
def test_rust_and_cmake_work_for_a_user_and_clients_of_databases_for_root_and_what_both_compile_is_the_same(
    tmp_path: Path,
    cache: Path,
    anywhere: Anywhere,  # noqa: F811
    home_of: Callable[[int | None], Path],  # noqa: F811
) -> None:
    """The user begins with what root's store has; cmaked is in neither."""
    source, links = anywhere.directory / "rusty", anywhere.directory / "links"
    links.mkdir()
    pack(links / "cmaked-1.0.tar.gz", "cmaked-1.0", CMAKED)
    crate = tmp_path / "crates/crates/made-up/1.0.0/download"
    pack(crate, "made-up-1.0.0", CRATE)
    checksum = hashlib.sha256(crate.read_bytes()).hexdigest()
    for name, text in RUST.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(textwrap.dedent(text).replace("CHECKSUM", checksum).replace("LINKS", str(links)))
    home = home_of(UID)
    subprocess.run(["cp", "-a", cache, home / "cache"], check=True)
    (home / ".cargo").mkdir()
    subprocess.run(["chown", "-hR", f"{UID}:{UID}", home], check=True)
    with served(tmp_path / "crates") as address:
        (tmp_path / "crates/config.json").write_text(json.dumps({"dl": f"{address}crates"}))
        (home / ".cargo" / "config.toml").write_text(
            f'[source.crates-io]\nreplace-with = "near"\n[source.near]\nregistry = "sparse+{address}"\n'
        )
        anywhere.build(
            source,
            *("--output", f"oci:{home}/image"),
            environment=anywhere.environment(home),
            directory=home,
            umask=0o077,
            under=rootless.launcher(UID, groups="--clear-groups"),
        )
    code = "import cmaked; from rusty._native import lib; print(lib.twice(21), cmaked.file)"
    assert run_in(home / "image", tmp_path / "user", code).split() == ["42", "./cmaked.c"]

    take_roots(home / "cache" / "v1", cache / "v1")
    clients = ("mysqlclient==2.2.7", "psycopg2==2.9.10", "python-ldap==3.4.4")
    found = f'[tool.uv]\nfind-links = ["{links}"]\n'
    source = project(tmp_path / "clients", "cffi", "cmaked==1.0", *clients, more=found)
    build(source, tmp_path / "image", cache)
    assert wheels(tmp_path / "image")["cmaked"] == wheels(home / "image")["cmaked"]
    code = """
import psycopg2, MySQLdb, ldap, cmaked
print(ldap.SASL_AVAIL, cmaked.file, psycopg2.__libpq_version__, MySQLdb.get_client_info())
"""
    assert run_in(tmp_path / "image", tmp_path / "root", code).split()[:2] == ["1", "./cmaked.c"]
    environment = {**os.environ, "GROCKER_CACHE": str(cache)}
    planned = json.loads(grocker("plan", source, "--json", environment=environment).stdout)["platforms"][0]
    assert planned["compiled"] == ["cmaked 1.0", "mysqlclient 2.2.7", "psycopg2 2.9.10", "python-ldap 3.4.4"]
    assert planned["sandbox"] == "namespaces"
    assert {"libpq5", "libmariadb3", "libldap2"} <= {package["name"] for package in planned["debian"]}
    assert not [package["name"] for package in planned["debian"] if package["name"].endswith("-dev")]


def wheels(image: Path) -> dict[str, str]:
    """The digests of the wheels in an image, by distribution."""
    inspected = grocker("inspect", f"oci:{image}", "--json", environment=os.environ)
    assert inspected.returncode == 0, inspected.stderr
    [found] = json.loads(inspected.stdout)["images"]
    return {one["name"]: one["sha256"] for one in found["python_packages"]}


def take_roots(theirs: Path, ours: Path) -> None:
    """Move the roots that one store has for compilers, and another has not, to the latter; no wheel and no result."""
    for room in ("trees", "steps"):
        (ours / room).mkdir(parents=True, exist_ok=True)
    for root in (one for one in (theirs / "trees").iterdir() if (one / "usr/bin/gcc").exists()):
        if not (ours / "trees" / root.name).exists():
            root.rename(ours / "trees" / root.name)
            (theirs / "steps" / f"tree-{root.name}").rename(ours / "steps" / f"tree-{root.name}")


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory on this machine alone: a sparse registry is plain files."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def _foreign() -> str:
    return "linux/arm64" if os.uname().machine == "x86_64" else "linux/amd64"
