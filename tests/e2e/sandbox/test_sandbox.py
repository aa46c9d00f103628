"""An untrusted command gets nothing from this host, leaves nothing on it, and ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

import pytest

from tests.e2e.build.conftest import Anywhere
from tests.support import rootless
from tests.support.host_root import make_root
from tests.support.processes import running, wait_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.root,
    pytest.mark.long(250),
    pytest.mark.xdist_group("nobody"),  # in a chroot, the kernel counts the processes of both together
]
UID = 4323
PROGRAMS = ("bash", "cat", "env", "head", "id", "ln", "ls", "mkdir", "chmod", "rm", "sleep", "touch", "uname")
WAYS_OUT = (
    "touch /usr/bin/planted",
    "touch /etc/planted",
    "touch /planted",
    "rm /usr/bin/touch",
    "chmod 777 /usr/bin",
    "ln /usr/bin/id linked",
    "echo x > /proc/sys/kernel/hostname",
    "echo x > /proc/sysrq-trigger",
    "ls /proc/1/root/",
    "cat /proc/1/fd/3",
    "cat /proc/1/environ",
    "cat /dev/sda /dev/mem /dev/kmsg",
    "ls /sys/fs/cgroup",
    "ls /build/../../../../../../../../var/tmp",
    "ulimit -u unlimited",
    "ulimit -v unlimited",
    "echo x >&9",
)
DRIVER = """
import json, resource, sys
from pathlib import Path
from grocker.errors import GrockerError
from grocker.sandbox.run import find_isolation, run
from grocker.sandbox.sandbox import Bind, Limits, Sandbox
from grocker.store import Store

kind, root, work, script, limits, shown = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
with Store.open(Path(work).parent / "cache") as store, store.scratch() as scratch:
    found = find_isolation(scratch)
    binds = [Bind(Path(source), target) for source, target in shown]
    box = Sandbox(Path(root), (*binds, Bind(Path(work), "/build", True)), limits=Limits(**limits))
    lines = []
    try:
        output = run(
            box,
            ["bash", "-c", script],
            isolation=kind,
            scratch=scratch,
            directory="/build",
            action="x",
            on_line=lines.append,
        )
        print(json.dumps([found, output.status, output.stdout.decode(), len(lines)]))
    except GrockerError as error:
        print(json.dumps([found, None, error.message, len(lines)]))
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A user of this machine, and the kind of sandbox that the user gets."""

    kind: str
    launcher: tuple[str, ...]
    environment: dict[str, str]
    work: Path
    root: Path

    def start(self, script: str, shown: Sequence[tuple[Path, str]] = (), **limits: int) -> subprocess.Popen[str]:
        places = [(str(source), target) for source, target in shown]
        request = json.dumps([self.kind, str(self.root), str(self.work), script, limits, places])
        return subprocess.Popen(
            [*self.launcher, sys.executable if not self.launcher else "/usr/bin/python3", "-c", DRIVER, request],
            env={**self.environment, "SECRET": "leaked"},
            cwd="/",
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, shown: Sequence[tuple[Path, str]] = (), **limits: int) -> tuple[int | None, str]:
        """The status of a script in the sandbox, and what it wrote; None and the error if it was ended."""
        with self.start(script, shown, **limits) as started:
            said, _ = started.communicate()
        _, status, text, _ = json.loads(said)
        return status, "".join(one for one in text.splitlines(True) if "setlocale" not in one)  # the root has none

    def lines(self, script: str) -> list[str]:
        status, text = self.run(script)
        assert status == 0, text
        return text.splitlines()


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A root with a shell and a few programs of this host."""
    directory = Path("/var/tmp") / f"grocker-sandbox-{os.getpid()}"
    make_root(directory, PROGRAMS)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(
    params=["namespaces", pytest.param("user namespaces", marks=pytest.mark.rootless), "chroot"],
    ids=["root", "user", "chroot"],
)
def host(
    request: pytest.FixtureRequest,
    root: Path,
    anywhere: Anywhere,
    home_of: Callable[[int | None], Path],
) -> Host:
    is_user = request.param == "user namespaces"
    home = home_of(UID if is_user else None)
    (home / "work").mkdir()
    if is_user:
        os.chown(home / "work", UID, UID)
    launcher = rootless.launcher(UID, groups="--clear-groups") if is_user else ()
    return Host(request.param, launcher, anywhere.environment(home), home / "work", root)


def test_command_sees_nothing_of_the_host(host: Host) -> None:
    (host.work.parent / "secret").write_text("leaked")
    lines = host.lines("env; echo; id -u; umask; ls /; echo; ls /home /root; cat /etc/passwd; true")
    text = "\n".join(lines)
    assert "leaked" not in text
    assert "root:" not in text
    assert {"LC_ALL=C.UTF-8", "TZ=UTC", "PATH=/usr/bin:/bin", "PYTHONHASHSEED=0", "65534", "0022"} <= set(lines)
    assert set(lines[lines.index("0022") + 1 : lines.index("", lines.index("0022"))]) <= {
        *("bin", "build", "dev", "etc", "lib", "lib64", "proc", "tmp", "usr")
    }
    if host.kind != "chroot":
        assert host.lines("uname -n") == ["grocker"]


def test_ways_out_are_closed(host: Host) -> None:
    script = "\n".join(f"({way}) 2>/dev/null && echo {quote(way)}" for way in WAYS_OUT)
    assert host.lines(f"{script}\ntrue") == []
    assert not list(host.root.rglob("planted"))


def test_files_and_directories_are_shown_inside_others_when_there_are_more_than_may_be_open(host: Host) -> None:
    below, above = host.work.parent / "below", host.work.parent / "above"
    (below / "deep").mkdir(parents=True)
    (above / "deep").mkdir(parents=True)
    (below / "deep/file").write_text("deep")
    (below / "program").write_text("#!/bin/bash\necho started\n")
    (below / "program").chmod(0o755)
    (above / "program").touch()
    names = [f"module{number}.py" for number in range(1100)]
    for name in names:
        (below / name).write_text(f"{name}\n")
        (above / name).touch()
    before = {path: path.stat().st_ctime_ns for path in below.rglob("*")}
    shown = [(above, "/opt"), *((below / name, f"/opt/{name}") for name in ("deep", "program", *names))]
    script = "ulimit -Sn 64; cat /opt/deep/file /opt/module*.py; /opt/program; echo x 2>&1 >> /opt/module0.py"
    status, text = host.run(script, shown)
    assert status, text
    assert text.startswith("deep")
    assert set(names) <= {*text.removeprefix("deep").splitlines()}
    assert "started" in text.splitlines()
    assert "Permission denied" in text or "Read-only file system" in text
    assert {path: path.stat().st_ctime_ns for path in below.rglob("*")} == before


def test_directory_is_shown_and_read_only_when_something_is_mounted_below(host: Host) -> None:
    library = host.work.parent / "library"
    (library / "mounted").mkdir(parents=True)
    (library / "file").write_text("shown")
    mounted = f'mount -t tmpfs none {library}/mounted && chmod 777 {library}/mounted && exec "$@"'
    below = ("unshare", "--mount", "sh", "-c", mounted, "sh")
    started = replace(host, launcher=(*below, *host.launcher))
    script = "cat /opt/file; (echo x > /opt/file || echo x > /opt/mounted/x || echo x > /opt/mounted) 2>/dev/null"
    status, text = started.run(script, [(library, "/opt")])
    assert (status, text) == (0 if host.kind == "chroot" else 1, "shown")  # a copy may be written to
    assert (library / "file").read_text() == "shown"


def test_network_of_the_host_cannot_be_reached(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, text = host.run(f"exec 3<>/dev/tcp/127.0.0.1/{port}")
    assert status, text
    assert "Network is unreachable" in text or "Address family not supported" in text


def test_what_it_writes_is_there_and_can_be_removed(host: Host) -> None:
    host.lines("echo made > made; mkdir -p a/b; touch a/b/c; chmod 0 a/b a; ln -s /etc/passwd link; umask 777; mkdir d")
    assert (host.work / "made").read_text() == "made\n"
    assert (host.work / "a/b/c").exists()
    assert os.readlink(host.work / "link") == "/etc/passwd"
    as_owner = subprocess.run([*host.launcher, "rm", "-r", host.work / "a", host.work / "d"], check=False)
    assert as_owner.returncode == 0
    assert not list((host.work.parent / "cache" / "v1" / "tmp").iterdir())


def test_output_is_bounded_when_there_is_a_lot_of_it(host: Host) -> None:
    status, text = host.run("head -c 100000000 /dev/zero; echo; echo end; exit 3")
    assert (status, text[-4:]) == (3, "end\n")
    assert len(text) <= 1 << 18


def test_processes_that_it_leaves_behind_are_ended(host: Host) -> None:
    mark = str(time.time_ns())
    lines = host.lines(f"(trap '' TERM HUP; exec -a {mark} sleep 1000) & echo started")
    assert lines == ["started"]
    assert running(mark) == []


def test_processes_are_bounded_when_it_forks_without_end(host: Host) -> None:
    mark = str(time.time_ns())
    status, text = host.run(
        f"for ((n = 0; n < 300; n++)); do (exec -a {mark} sleep 1000) & done; echo all", processes=64
    )
    assert "Resource temporarily unavailable" in text
    assert status, text
    assert running(mark) == []


@pytest.mark.parametrize(
    "host", ["namespaces", pytest.param("user namespaces", marks=pytest.mark.rootless)], indirect=True
)
def test_processes_are_counted_apart_when_a_sandbox_forks_without_end_beside_another(host: Host) -> None:
    mark = str(time.time_ns())
    bomb = f"while true; do (exec -a {mark} sleep 1000) & done 2> /dev/null"
    with host.start(f"trap '' CHLD; {bomb}", processes=300) as bombing:
        wait_until(lambda: len(running(mark)) > 250)
        status, text = host.run("for ((n = 0; n < 200; n++)); do sleep 1 & done; wait; echo all", processes=300)
        assert len(running(mark)) > 250
        os.kill(bombing.pid, signal.SIGKILL)
    assert (status, text) == (0, "all\n")
    wait_until(lambda: running(mark) == [])


def test_memory_is_bounded(host: Host) -> None:
    status, text = host.run("printf -v a %200000000s x", memory=1 << 27)
    assert status, text


def test_file_is_bounded(host: Host) -> None:
    status, _ = host.run("head -c 3000000 /dev/zero > large", file=1 << 20)
    assert status
    assert (host.work / "large").stat().st_size == 1 << 20


@pytest.mark.parametrize(
    "script",
    [
        "for ((n = 0; ; n++)); do head -c 100000 /dev/zero > $n; done",
        "for ((n = 0; ; n++)); do : > $n; done",
        "for ((n = 0; ; n++)); do mkdir $n; cd $n; head -c 1000000 /dev/zero > x; done",
        "head -c 4000000000 /dev/zero > large; sleep 1000",
    ],
    ids=["small files", "empty files", "deep directories", "one file"],
)
def test_files_are_bounded_together(host: Host, script: str) -> None:
    mark = str(time.time_ns())
    status, text = host.run(f"(exec -a {mark} sleep 1000) & {script}", written=1 << 26)
    assert (status, text) == (None, "x: stopped because it wrote more than 0.0625 GiB")
    wait_until(lambda: running(mark) == [])


def test_directories_are_bounded_when_they_are_nested_too_deep(host: Host) -> None:
    name = "d" * 200
    status, text = host.run(f"while true; do mkdir {name}; cd -P {name} 2>/dev/null; done")
    assert (status, text) == (None, "x: stopped because it nested directories too deep")


def test_some_of_the_disk_stays_free(host: Host) -> None:
    owner = UID if host.launcher else 0
    new = f"{host.work} && chown {owner} {host.work.parent} {host.work}"
    mount = f'mount -t tmpfs -o size=700m none {host.work.parent} && mkdir {new} && exec "$@"'
    small = replace(host, launcher=("unshare", "--mount", "sh", "-c", mount, "sh", *host.launcher))
    status, text = small.run("for ((n = 0; ; n++)); do head -c 100000 /dev/zero > $n; done")
    assert status is None
    free = int(text.removeprefix("x: stopped because the disk is almost full (").removesuffix(" MiB free)"))
    assert 100 < free < 350
    status, text = small.run("for ((n = 0; n < 100; n++)); do head -c 1000000 /dev/zero > $n; done; echo all")
    assert (status, text) == (0, "all\n")


def test_command_is_ended_when_it_hangs(host: Host) -> None:
    mark = str(time.time_ns())
    status, text = host.run(f"exec -a {mark} sleep 1000", seconds=1)
    assert status is None
    assert text.endswith("did not finish within 1 s")
    wait_until(lambda: running(mark) == [])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_remains_when_grocker_is_ended(host: Host, number: int) -> None:
    mark = str(time.time_ns())
    with host.start(f"(trap '' HUP; exec -a {mark} sleep 1000) & exec -a {mark} sleep 1000") as started:
        wait_until(lambda: len(running(mark)) == 2)
        os.kill(started.pid, number)
    wait_until(lambda: running(mark) == [])
    host.work.mkdir(exist_ok=True)  # with a chroot it was in the root, which the next command sweeps
    assert host.lines("echo again") == ["again"]
    assert not list((host.work.parent / "cache" / "v1" / "tmp").iterdir())


def test_best_kind_is_found(host: Host) -> None:
    with host.start("true") as started:
        found = json.loads(started.communicate()[0])[0]
    assert found == ("namespaces" if host.kind == "chroot" else host.kind)
