"""What compiles where: the table of docs/explanation/sandbox.md, tried by builds of a small sdist in C."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from grocker.platforms.suites import SUITES
from tests.e2e.build.conftest import ROOT, Anywhere, usable_python
from tests.e2e.contract.engine import LIMITS
from tests.e2e.rootless.conftest import Person
from tests.support import rootless
from tests.support.compilers import compiler_cache, write_project
from tests.support.side_by_side import processes_of_nobody

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.network, pytest.mark.long(90)]
PAGE = ROOT / "docs" / "explanation" / "sandbox.md"
USER = 4324
_DEFAULT = "default profile"
_OPTIONS = {_DEFAULT: (), "`seccomp=unconfined`": ("--security-opt", "seccomp=unconfined")}
_SDIST = {
    "back_end.py": """
        import os, pathlib, subprocess, sys, sysconfig, zipfile

        def build_wheel(directory, settings=None, metadata=None):
            compiler = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-I" + sysconfig.get_paths()["include"]]
            subprocess.run([*compiler, "small.c", "-o", "small.so"], check=True)
            tag = "cp{0}{1}-cp{0}{1}-linux_{2}".format(*sys.version_info[:2], os.uname().machine)
            info = "made_up_small-1.0.dist-info"
            files = {
                "small.so": pathlib.Path("small.so").read_bytes(),
                f"{info}/METADATA": pathlib.Path("PKG-INFO").read_bytes(),
                f"{info}/WHEEL": f"Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: {tag}\\n".encode(),
                f"{info}/RECORD": b"",
            }
            with zipfile.ZipFile(f"{directory}/made_up_small-1.0-{tag}.whl", "w") as archive:
                for name, data in files.items():
                    archive.writestr(name, data)
            return f"made_up_small-1.0-{tag}.whl"
        """,
    "pyproject.toml": """
        [build-system]
        requires = []
        build-backend = "back_end"
        backend-path = ["."]
        """,
    "PKG-INFO": "Metadata-Version: 2.1\nName: made-up-small\nVersion: 1.0\n",
    "small.c": """
        /* PLACE */
        #include <Python.h>
        static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "small", NULL, -1, NULL};
        PyMODINIT_FUNC PyInit_small(void) { return PyModule_Create(&module); }
        """,
}
_TRY = """\
import json, subprocess, sys, tempfile
from pathlib import Path
from grocker.errors import GrockerError
from grocker.sandbox.run import find_isolation
try:
    kind = find_isolation(Path(tempfile.mkdtemp(dir=sys.argv[2])))
except GrockerError as error:
    kind = "none"
print(json.dumps(kind))
if sys.argv[1]:
    line = [sys.executable, "-m", "grocker", "build", sys.argv[1], "--output", "store", "--quiet"]
    done = subprocess.run(line, capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stderr]))
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the places share: they see ``directory`` and Grocker's installation at their paths on the host."""

    anywhere: Anywhere
    directory: Path
    archive: Path
    """of an image with the tests' Python"""
    name: str
    """of that image"""

    def project(self, place: str) -> Path:
        """A project that needs an sdist which no cache has compiled yet."""
        files = {path: text.replace("PLACE", place) for path, text in _SDIST.items()}
        return write_project(self.directory / "projects" / uuid.uuid4().hex, files=files)

    def cache(self, uid: int) -> Path:
        """The cache of a user, with a compiler's root."""
        return compiler_cache(uid)

    def variables(self, uid: int) -> list[str]:
        cache = self.cache(uid)
        values = {
            **{name: value for name, value in os.environ.items() if name.startswith("GROCKER_DEBIAN")},
            "PATH": "/usr/bin:/bin",
            "HOME": str(cache),
            "GROCKER_CACHE": str(cache),
            "PYTHONPATH": str(self.anywhere.directory / "site"),
        }
        return [f"{name}={value}" for name, value in values.items()]

    def container(self, engine: Sequence[str], uid: int, options: Sequence[str]) -> list[str]:
        """The command that starts Python in a container."""
        shown = (self.directory, self.anywhere.directory, Path("/etc/apt"))
        cache = self.cache(uid)
        volumes = [f"--volume={cache}:{cache}", *(f"--volume={one}:{one}:ro" for one in shown)]
        variables = [f"--env={one}" for one in self.variables(uid)]
        common = ("run", "--rm", "--network=none", "--entrypoint=/usr/bin/python3")
        return [*engine, *common, *volumes, *variables, *options, self.name]

    def find_kind(self, start: Sequence[str], uid: int, place: str, *, builds: bool = True) -> str:
        """Return the kind of sandbox of a place, where ``start`` starts Python; build there, unless not wanted."""
        project = str(self.project(place)) if builds else ""
        line = [*start, "-c", _TRY, project, str(self.cache(uid))]
        done = subprocess.run(line, capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr
        kind, *results = map(json.loads, done.stdout.splitlines())
        if not results:
            return str(kind)
        [[status, said]] = results
        if kind == "none":
            assert status == 69, said
            assert "this host does not allow a sandbox" in said
            assert "hint: allow user namespaces" in said
        else:
            assert status == 0, said
        return str(kind)


def _table() -> dict[str, list[str]]:
    """By place, the kinds for root and for another user."""
    lines = PAGE.read_text("utf-8").partition("| where Grocker runs | root |")[2].partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in lines[2:]]
    return {place: [cell.strip("`") for cell in kinds] for place, *kinds in rows}


@pytest.fixture(scope="module")
def ground(anywhere: Anywhere) -> Iterator[Ground]:
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    suite = next((row.name for row in SUITES.values() if row.python == own), None)
    if suite is None:
        pytest.skip(f"no Debian suite has Python {own}")
    directory = Path(tempfile.mkdtemp(prefix="grocker-places-", dir="/var/tmp"))
    directory.chmod(0o755)
    (directory / "app").mkdir()
    (directory / "app/app.py").write_text("print('here')\n")
    name = f"grocker-test-place-{uuid.uuid4().hex[:8]}:1"
    build: list[str | Path] = [sys.executable, "-m", "grocker", "build", directory / "app", "--debian", suite]
    output = ["--tag", name, "--output", f"archive:{directory}/image.tar", "--output", f"oci:{directory}/image"]
    subprocess.run([*build, *output, "--quiet"], check=True, capture_output=True)
    yield Ground(anywhere, directory, directory / "image.tar", name)
    for engine in ("docker", "podman"):
        if shutil.which(engine):
            subprocess.run([engine, "rmi", "--force", name], capture_output=True, check=False)
    shutil.rmtree(directory)


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest, ground: Ground) -> list[str]:
    prefix = ["--runtime", "runc"] if request.param == "podman" and shutil.which("runc") else []
    subprocess.run([request.param, "load", "--input", ground.archive], check=True, capture_output=True)
    return [request.param, *prefix]


def test_host_compiles_in_the_sandbox_that_the_page_says(ground: Ground) -> None:
    as_root = ["env", "-i", *ground.variables(0), usable_python()]
    as_user = [*rootless.launcher(USER, groups="--clear-groups"), "env", "-i", *ground.variables(USER), usable_python()]
    kinds = [ground.find_kind(as_root, 0, "host"), ground.find_kind(as_user, USER, "host of a user")]
    assert kinds == _table()["the host"]


@pytest.mark.docker
@pytest.mark.podman
@pytest.mark.parametrize("options", _OPTIONS)
def test_container_compiles_in_the_sandbox_that_the_page_says(ground: Ground, engine: list[str], options: str) -> None:
    kinds = []
    with processes_of_nobody(alone=False):
        for uid in (0, USER):
            given = [*_OPTIONS[options], f"--user={uid}", *(LIMITS if engine[0] == "podman" else ())]
            start = ground.container(engine, uid, given)
            kinds.append(ground.find_kind(start, uid, f"{engine[0]} {uid}", builds=options == _DEFAULT))
    assert kinds == _table()[f"{engine[0]}, {options}"]


@pytest.mark.podman
@pytest.mark.rootless
@pytest.mark.xdist_group("rootless")
@pytest.mark.parametrize("options", _OPTIONS)
def test_rootless_podman_compiles_in_the_sandbox_that_the_page_says(
    ground: Ground,
    person: Person,
    options: str,
) -> None:
    podman = [
        *person.launcher,
        "env",
        "-i",
        *(f"{name}={value}" for name, value in person.environment.items()),
        "podman",
    ]
    subprocess.run([*podman, "load", "--input", ground.archive], check=True, capture_output=True, cwd="/")
    kinds = []
    for user in (["--user=0"], ["--userns=keep-id", f"--user={person.uid}"]):
        start = ground.container(podman, person.uid, [*_OPTIONS[options], *user])
        kinds.append(ground.find_kind(start, person.uid, f"rootless {user}", builds=options == _DEFAULT))
    assert kinds == _table()[f"rootless podman, {options}"]


def test_chroot_compiles_in_the_sandbox_that_the_page_says(ground: Ground) -> None:
    root = _unpack(ground.directory / "image", ground.directory / "root")
    shown = [
        ground.directory / "projects",
        ground.cache(0),
        ground.cache(USER),
        ground.anywhere.directory,
        Path("/etc/apt"),
    ]
    for place in (*shown, Path("/dev"), Path("/proc")):
        (root / str(place)[1:]).mkdir(parents=True, exist_ok=True)
    binds = "".join(f"mount --rbind {place} {root}{place} && " for place in (*shown, "/dev", "/proc"))
    kinds = []
    for uid in (0, USER):
        start = ["unshare", "--mount", "sh", "-c", f'{binds}exec chroot --userspec={uid}:{uid} {root} "$@"', "sh"]
        kinds.append(
            ground.find_kind([*start, "env", "-i", *ground.variables(uid), "/usr/bin/python3"], uid, f"chroot {uid}")
        )
    assert kinds == _table()["a chroot on the host, with `/dev` and `/proc`"]


def _unpack(image: Path, root: Path) -> Path:
    """Unpack an image's layers to a directory; return it."""

    def blob(digest: str) -> Path:
        return image / "blobs" / digest.replace(":", "/")

    [manifest] = json.loads((image / "index.json").read_bytes())["manifests"]
    root.mkdir()
    for layer in json.loads(blob(manifest["digest"]).read_bytes())["layers"]:
        subprocess.run(["tar", "-xzf", blob(layer["digest"]), "-C", root], check=True)
    return root
