"""An ordinary user, made for the session, and that user's podman: ``person``, ``engine``.

The user has what an administrator gives (subordinate ids, a runtime directory) and no session of systemd. Where
/dev/net/tun is root's alone, for want of udev, the user's processes see one in their mount name space as udev makes it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.build.conftest import Anywhere, anywhere  # noqa: F401 - a fixture
from tests.e2e.contract.engine import Engine, Folders
from tests.e2e.contract.test_document import HostLog, log  # noqa: F401 - a fixture
from tests.support import rootless
from tests.support.compilers import warm
from tests.support.patience import PATIENCE

IMAGE = "localhost/grocker-test/polls-site:rootless"
_PATH = "/usr/bin:/usr/sbin:/bin:/sbin"
_RANGES = {"UID_MIN": 20000, "GID_MIN": 20000, "SUB_UID_COUNT": 65536, "SUB_GID_COUNT": 65536}
_ENGINE = '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'


@dataclass(frozen=True, slots=True)
class Person:
    """The user."""

    name: str
    uid: int
    home: Path
    launcher: tuple[str, ...]
    """precedes a command, and runs it as the user"""

    @property
    def runtime(self) -> Path:
        """The runtime directory, where logind makes it: podman refuses paths of over 50 characters."""
        return Path("/run/user") / str(self.uid)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "USER": self.name,
            "LOGNAME": self.name,
            "PATH": _PATH,
            "XDG_RUNTIME_DIR": str(self.runtime),
            "TERM": "xterm",
        }

    def own(self, root: Path) -> None:
        """Make the user the owner of everything there, and close it to everybody else."""
        for path in (root, *root.rglob("*")):
            os.chown(path, self.uid, self.uid)
            path.chmod(path.stat().st_mode & 0o700)


@dataclass(frozen=True, slots=True)
class Rootless(Engine):
    """The user's podman, with the option that the contract names for uid 1000."""

    def line(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        return [self.name, *self.prefix, "run", "--userns=keep-id:uid=1000", *options, self.image, *arguments]


@pytest.fixture(scope="session")
def person() -> Iterator[Person]:
    base = Path(tempfile.mkdtemp(prefix="grocker-person-", dir="/var/tmp"))
    base.chmod(0o755)
    name = f"grocker-{uuid.uuid4().hex[:8]}"
    for table in ("/etc/subuid", "/etc/subgid"):  # useradd gives ranges where there are such files
        Path(table).touch(0o644)
    ranges = [word for key, value in _RANGES.items() for word in ("--key", f"{key}={value}")]
    _must("useradd", "--user-group", "--create-home", "--home-dir", str(base / "home"), *ranges, name)
    uid = int(_must("id", "--user", name))
    made = Person(name, uid, base / "home", rootless.launcher(uid, _tun(base)))
    try:
        _clear(made)  # of a user with that uid, left by a run that was killed
        _prepare(made)
        yield made
    finally:
        podman = [*made.launcher, "env", "-i", *_assignments(made), "podman"]
        for arguments in (("rm", "--force", "--all"), ("system", "migrate")):
            subprocess.run([*podman, *arguments], cwd=base, capture_output=True, timeout=PATIENCE, check=False)
        _clear(made)
        subprocess.run(["userdel", "--force", name], capture_output=True, check=False)
        shutil.rmtree(base, ignore_errors=True)


def _prepare(person: Person) -> None:
    """Set up what an administrator provides: a runtime directory, podman's configuration."""
    person.runtime.mkdir(mode=0o700, parents=True)
    os.chown(person.runtime, person.uid, person.uid)
    containers = person.home / ".config" / "containers"
    containers.mkdir(parents=True)
    runtime = 'runtime = "runc"\n' if shutil.which("runc", path=_PATH) else ""
    (containers / "containers.conf").write_text(_ENGINE + runtime)
    # podman's own choice is vfs, 5 s a container, where /dev/fuse is root's; on an overlay there is nothing else.
    file_system = _must("stat", "--file-system", "--format=%T", str(person.home))
    driver = "vfs" if file_system == "overlayfs" else "overlay"
    (containers / "storage.conf").write_text(f'[storage]\ndriver = "{driver}"\n')
    person.own(person.home)


def _clear(person: Person) -> None:
    """End the processes of that uid, and remove its runtime directory."""
    _end(person.uid)
    below = f"{person.runtime}/"
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in [one for one in mounts if one.startswith(below)]:
        subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
    shutil.rmtree(person.runtime, ignore_errors=True)


@pytest.fixture(scope="session")
def engine(person: Person, anywhere: Anywhere) -> Engine:  # noqa: F811
    """The user's podman, with the image that the user built into it."""
    podman = person.home.parent / "podman"
    line = shlex.join([*person.launcher, "env", "-i", *_assignments(person), "podman"])
    podman.write_text(f'#!/bin/sh\ncd {person.home} && exec {line} "$@"\n')
    podman.chmod(0o755)
    warm(person.home / "cache", person.uid)
    anywhere.build(
        anywhere.polls,
        *("--tag", IMAGE.removeprefix("localhost/"), "--output", "podman"),
        environment=anywhere.environment(person.home, **person.environment),
        directory=person.home,
        under=person.launcher,
    )
    return Rootless(str(podman), IMAGE)


@pytest.fixture
def theirs(person: Person) -> Folders:
    """The contract's folders with the example's files, owned by the user and closed to everybody else."""
    folders = Folders(Path(tempfile.mkdtemp(dir=person.home))).make()
    polls = Path(__file__).resolve().parents[3] / "examples" / "polls"
    shutil.copytree(polls / "config", folders.config, dirs_exist_ok=True)
    shutil.copytree(polls / "scripts", folders.scripts, dirs_exist_ok=True)
    (folders.root / "ssh").mkdir()
    (folders.root / "ssh" / "id_rsa").write_text("a key\n")
    person.own(folders.root)
    return folders


@pytest.fixture
def mounts(theirs: Folders, log: HostLog) -> list[str]:  # noqa: F811
    return [*theirs.options, "--volume", f"{log}:/dev/log:rw"]


def _tun(base: Path) -> Path:
    """Return a tun device that everybody may open, as udev makes it: the host's, or another of the same number."""
    device = rootless.TUN.stat()
    if stat.S_IMODE(device.st_mode) & 0o006 == 0o006:
        return rootless.TUN
    node = base / "tun"
    os.mknod(node, stat.S_IFCHR, device.st_rdev)
    node.chmod(0o666)
    return node


def _assignments(person: Person) -> list[str]:
    return [f"{name}={value}" for name, value in person.environment.items()]


def _must(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"
    return done.stdout.strip()


def _end(uid: int) -> None:
    """Kill whatever still runs with that uid."""
    for _ in range(20):
        left = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and _runs_as(one, uid)]
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not left:
            return
        time.sleep(0.1)


def _runs_as(process: Path, uid: int) -> bool:
    try:
        words = (process / "status").read_text()
    except OSError:
        return False
    return f"\nUid:\t{uid}\t" in words and "\nState:\tZ" not in words
