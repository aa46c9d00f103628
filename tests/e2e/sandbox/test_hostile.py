"""Hostile sdists try every way out of the sandbox that builds them: the table in docs/explanation/sandbox.md."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grocker.store import tree_seal
from tests.e2e.build.conftest import ROOT, Anywhere
from tests.e2e.sandbox import hostile
from tests.support import rootless
from tests.support.compilers import compiler_cache, pack, write_project
from tests.support.processes import running
from tests.support.side_by_side import processes_of_nobody

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.root,
    pytest.mark.network,
    pytest.mark.long(250),
    pytest.mark.xdist_group("nobody"),  # in a chroot, the kernel counts the processes of both together
]
PAGE = ROOT / "docs" / "explanation" / "sandbox.md"
UID = 4324
NOBODY = 65534
KINDS = ("namespaces", "user namespaces", "chroot")
_KEPT = ("blobs/sha256", "downloads", "members", "trees")
_WITH_KEY = f"""
import ctypes, os, platform, sys
number = {hostile._NUMBERS!r}[platform.machine()]
library = ctypes.CDLL(None)
library.syscall(number["keyctl"], 1, None)
library.syscall(number["add_key"], b"user", b"grocker-secret", b"leaked", 6, ctypes.c_long(-3))
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""starts a command in a session that has a key"""


@dataclass(frozen=True, slots=True)
class Builder:
    """Who builds, and what of this machine there is to attack."""

    kind: str
    launcher: tuple[str, ...]
    uid: int | None
    home: Path
    cache: Path
    host: dict[str, Any]


@pytest.fixture(params=[*KINDS[:1], pytest.param(KINDS[1], marks=pytest.mark.rootless), *KINDS[2:]])
def builder(
    request: pytest.FixtureRequest,
    home_of: Callable[[int | None], Path],
) -> Iterator[Builder]:
    uid = UID if request.param == "user namespaces" else None
    launcher: tuple[str, ...] = (sys.executable, "-c", _WITH_KEY)
    if uid is not None:
        launcher += rootless.launcher(UID, groups="--clear-groups")
    if request.param == "chroot":
        launcher += (sys.executable, str(ROOT / "tests/support/refused_calls.py"), "namespaces")
    home = home_of(uid)
    cache = compiler_cache(uid or 0)
    (home / "secret").write_text("leaked")
    with ExitStack() as stack:
        if request.param == "chroot":
            stack.enter_context(processes_of_nobody(alone=True))  # it makes as many as there may be
        yield Builder(request.param, launcher, uid, home, cache, _expose(stack, home, cache, uid))


def _expose(stack: ExitStack, home: Path, cache: Path, uid: int | None) -> dict[str, Any]:
    """Start what there is to attack: listening sockets, processes, shared memory. Return where it is."""
    tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))
    abstract, local = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
    abstract.bind(f"\0grocker-{home.name}")
    local.bind(str(home / "socket"))
    (home / "socket").chmod(0o777)
    for listening in (tcp, udp, abstract, local):
        listening.setblocking(False)
        if listening is not udp:
            listening.listen()
    sleeping = [_start_sleep(stack, one) for one in {NOBODY, uid or 0}]
    shared = int.from_bytes(os.urandom(3), "big") << 1
    library = ctypes.CDLL(None)
    segment = library.shmget(shared, 4096, 0o1666)
    stack.callback(library.shmctl, segment, 0, None)
    return {
        "home file": str(home / "secret"),
        "project": str(home / "project"),
        "store": str(cache / "v1"),
        "uv": str(cache / "v1/downloads/uv"),
        "tcp": tcp.getsockname()[1],
        "udp": udp.getsockname(),
        "abstract": f"grocker-{home.name}",
        "socket": str(home / "socket"),
        "victims": sleeping,
        "shared": shared,
        "left": shared + 1,
        "mark": f"daemon-{home.name}",
    }


def _start_sleep(stack: ExitStack, uid: int) -> int:
    process = stack.enter_context(subprocess.Popen(["sleep", "600"], user=uid, group=uid, extra_groups=[]))
    stack.callback(process.kill)
    return process.pid


def test_no_way_out_succeeds(builder: Builder, anywhere: Anywhere) -> None:
    project = _project(builder)
    before = {path: _state(path) for path in _kept_files(builder.cache)}
    anywhere.build(
        project,
        *("--output", f"oci:{builder.home}/image"),
        environment=anywhere.environment(builder.home, SECRET="leaked", GROCKER_CACHE=str(builder.cache)),
        directory=builder.home,
        under=builder.launcher,
    )
    files = _installed(builder.home / "image")
    ignored = hostile.NEEDS_SCOPES if builder.kind == "chroot" and not _has_scopes() else frozenset()
    table = {title: said for title, said in _table(builder.kind).items() if title not in ignored}
    for name in (hostile.COMPILED, hostile.PURE, hostile.TOOL):
        report = json.loads(files[hostile.REPORT.format(name)][1])
        report = {title: said for title, said in report.items() if title not in ignored}
        assert {title: said for title, said in report.items() if said[0] == "out"} == {}, name
        assert {title: said[0] for title, said in report.items()} == table, name

    assert running(builder.host["mark"]) == []
    for victim in builder.host["victims"] if _has_scopes() or builder.kind != "chroot" else ():
        assert Path(f"/proc/{victim}/comm").read_text() == "sleep\n"
    segments = [int(line.split()[0]) for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    assert builder.host["left"] not in segments
    assert {path: _state(path) for path in before} == before
    for kept in sorted((builder.cache / "v1/trees").iterdir()):
        assert tree_seal.check(kept, _seal(builder.cache, kept.name)) is not None, kept
    assert [path for path in _everything(builder.cache) if builder.host["mark"] in path.name] == []
    for name in (hostile.COMPILED, hostile.PURE):
        assert stat.S_IMODE(files[hostile.SETUID.format(name)][0].mode) == 0o755


def _has_scopes() -> bool:
    """Whether this kernel's Landlock keeps signals and abstract sockets apart: Linux 6.12."""
    version = ctypes.CDLL(None).syscall(ctypes.c_long(444), None, ctypes.c_long(0), ctypes.c_long(1))
    return int(version) >= 6


def _project(builder: Builder) -> Path:
    """A project that requires a hostile sdist that has to be compiled, and one that has a hostile build requirement."""
    project = write_project(builder.home / "project", hostile.COMPILED, _sdist(builder.host, hostile.COMPILED))
    for name in (hostile.PURE, hostile.TOOL):
        archive = project / "links" / f"{name.replace('-', '_')}-1.0.tar.gz"
        pack(archive, f"{name}-1.0", _sdist(builder.host, name))
    with (project / "requirements.txt").open("a") as stream:
        stream.write(f"{hostile.PURE}==1.0\n")
    with (project / "pyproject.toml").open("a") as stream:
        # Of build requirements; the path is another in each test, whose answers the cache of all of them keeps apart.
        stream.write(f'[tool.uv]\nfind-links = ["{project}/links"]\n')
    if builder.uid is not None:
        subprocess.run(["chown", "-R", f"{builder.uid}", project], check=True)
    return project


def _sdist(host: dict[str, Any], name: str) -> dict[str, str]:
    requires = json.dumps([hostile.TOOL] if name == hostile.PURE else [])
    return {
        "hostile.py": Path(hostile.__file__).read_text(),
        "host.json": json.dumps(host),
        "pyproject.toml": f'[build-system]\nrequires = {requires}\nbuild-backend = "hostile"\nbackend-path = ["."]\n',
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    }


def _kept_files(cache: Path) -> list[Path]:
    """Everything that the cache has for other builds; uv and Grocker use uv's own cache."""
    found = [path for room in _KEPT for path in _everything(cache / "v1" / room)]
    return [path for path in found if not path.is_relative_to(cache / "v1/downloads/uv") and not path.is_dir()]


def _everything(top: Path) -> list[Path]:
    """List all that is below ``top``, where builds of other tests make and remove temporary directories meanwhile."""

    def judge(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    found = os.walk(top, onerror=judge)
    return [Path(place, name) for place, directories, files in found for name in (*directories, *files)]


def _state(path: Path) -> tuple[int, ...]:
    about = path.lstat()
    return about.st_ino, about.st_mode, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_nlink


def _seal(cache: Path, key: str) -> bytes:
    return (cache / "v1/steps" / f"tree-{key}").read_bytes()[:-10]


def _installed(image: Path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """The image's files of the hostile wheel, by name."""

    def blob(digest: str) -> Path:
        return image / "blobs" / digest.replace(":", "/")

    [manifest] = json.loads((image / "index.json").read_bytes())["manifests"]
    found = {}
    for layer in json.loads(blob(manifest["digest"]).read_bytes())["layers"]:
        with tarfile.open(blob(layer["digest"])) as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                if name.startswith("hostile_"):
                    opened = archive.extractfile(member) if member.isreg() else None
                    found[name] = member, opened.read() if opened else b""
    return found


def _table(kind: str) -> dict[str, str]:
    """What the page says came of each way, in sandboxes of that kind."""
    lines = PAGE.read_text("utf-8").partition("## A hostile sdist\n")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    column = next(number for number, cell in enumerate(rows[0]) if cell.strip("`") == kind)
    return {row[0]: row[column] for row in rows[2:]}
