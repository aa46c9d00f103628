"""Build commands in a real sandbox: what they leave, and how each of their faults ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec
import pytest

from grocker.config.settings import BuildSettings, Settings
from grocker.context import Context
from grocker.errors import GrockerError, MissingError, SettingsError, UnavailableError
from grocker.inputs import command_run
from grocker.inputs.application import ApplicationRequest, LockedApplication
from grocker.inputs.build_commands import run_build_commands
from grocker.inputs.command_run import CommandRun
from grocker.inputs.origin import parse_origin
from grocker.inputs.produced import CommandResult, Produced
from grocker.inputs.toolchain import DebianToolchain
from grocker.inputs.tree_files import read_files
from grocker.platforms.suites import SUITES
from grocker.platforms.target import Target
from grocker.progress import Silent, Task
from grocker.python import BuildRoot, Uv
from grocker.python.source_tree import SourceTree
from grocker.python.tree_record import TreeRecord
from grocker.sandbox.run import DiskLimitError
from grocker.sandbox.sandbox import Limits
from grocker.store import Store
from grocker.store.check import check
from grocker.web import Transport
from tests.support.host_root import make_root
from tests.support.processes import running, wait_until
from tests.support.side_by_side import processes_of_nobody

pytestmark = [pytest.mark.slow, pytest.mark.root]
PROGRAMS = (
    "sh",
    "bash",
    "cat",
    "chmod",
    "cp",
    "env",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mv",
    "rm",
    "sleep",
    "tr",
)

TARGET = Target(SUITES["trixie"], "amd64")
NAMESPACES = pytest.mark.parametrize("workshop", ["namespaces"], indirect=True)


class Shown(Silent):
    """Keeps the lines that tasks show."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def task(self, what: str, total: int | None = None) -> Task:
        return ShownTask(self.lines)


class ShownTask:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def advance(self, amount: int) -> None:
        return None

    def show(self, line: str) -> None:
        self._lines.append(line)


class Workshop:
    """A project, and a store that it is built with."""

    def __init__(self, context: Context, place: Path, progress: Shown) -> None:
        self.context = context
        self.place = place
        self.progress = progress
        self.runs = 0

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.place / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def build(self, *commands: str, outputs: tuple[str, ...] = ("out",), **build: object) -> Produced:
        table = {"commands": commands, "outputs": outputs, **build}
        request = ApplicationRequest(
            context=self.context,
            uv=Uv({}, Path("python3")),
            origin=parse_origin("./", self.place),
            settings=msgspec.convert({"build": table}, Settings),
            target=TARGET,
            epoch=0,
            locked=LockedApplication(),
            refresh=False,
            strict=False,
            backend_started=lambda: None,
        )
        produced = run_build_commands(request)
        assert produced is not None
        return produced

    def build_front_end(self, command: str, outputs: tuple[str, ...]) -> CommandResult:
        files = read_files(self.context, self.place)
        run = CommandRun(
            root=self.place,
            tree=SourceTree(self.place, files.files, files.digest, TreeRecord()),
            settings=BuildSettings(commands=(command,), outputs=outputs),
            npmrc=(),
            epoch=315532800,
            origin="package.json",
        )
        return command_run.make(self.context, DebianToolchain(self.context, Settings(), TARGET), run)

    def texts(self, produced: Produced) -> dict[str, str]:
        return {file.path: file.target or Path(file.place).read_text() for file in produced.files}

    def left(self) -> list[str]:
        """What a run must not leave in the store."""
        store = self.context.store
        return [
            *(str(path) for path in (store.root / "tmp").glob("*/*") if path.name != "owner"),
            *(one.what for one in check(store)),
        ]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("root") / "tree", PROGRAMS)


@pytest.fixture(params=["namespaces", "chroot"])
def workshop(
    request: pytest.FixtureRequest, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workshop]:
    monkeypatch.setattr(DebianToolchain, "root_key", lambda self: "root")
    monkeypatch.setattr(DebianToolchain, "compose", lambda self, packages: BuildRoot(root, "root"))
    monkeypatch.setattr(command_run, "find_isolation", lambda scratch: request.param)
    place = tmp_path / "project"
    place.mkdir()
    progress = Shown()
    with (
        processes_of_nobody(alone=False) if request.param == "chroot" else nullcontext(),
        Store.open(tmp_path / "cache") as store,
        Transport(environ={}) as transport,
    ):
        made = Workshop(Context(store, transport, progress, {}, time.time()), place, progress)
        real = command_run.make

        def count(*arguments: object) -> object:
            made.runs += 1
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(command_run, "make", count)
        made.write(app_dot_py="x = 1\n", front__main_dot_js="let x\n")
        yield made
        assert made.left() == []


def failure(build: Callable[[], object]) -> GrockerError:
    with pytest.raises(GrockerError) as caught:
        build()
    return caught.value


def test_outputs_are_files_of_the_project_with_fixed_modes(workshop: Workshop) -> None:
    produced = workshop.build(
        "mkdir -p out/a && tr a-z A-Z < front/main.js > out/a/main.js",
        "ln -s a/main.js out/link; umask 0; cp /usr/bin/id out/tool; echo gone > out/x; rm out/x; echo aside > aside",
        outputs=("out/",),
    )
    assert [file.path for file in produced.files] == ["out/a/main.js", "out/link", "out/tool"]
    assert [file.executable for file in produced.files] == [False, False, True]
    assert Path(produced.files[0].place).read_text() == "LET X\n"
    assert produced.files[1].target == "a/main.js"
    assert os.stat(produced.files[2].place).st_mode & 0o777 == 0o755
    assert not (workshop.place / "out").exists()
    assert not (workshop.place / "aside").exists()
    assert workshop.progress.lines[0].startswith("mkdir -p out/a")


@NAMESPACES
def test_commands_run_again_only_when_their_inputs_change(workshop: Workshop) -> None:
    def build(env: Mapping[str, str] = MappingProxyType({})) -> int:
        workshop.build("mkdir out; cp front/main.js out", inputs=("front/**",), env=dict(env))
        return workshop.runs

    assert [build(), build()] == [1, 1]
    workshop.write(app_dot_py="x = 2\n", out__stale="of a run on the host\n")
    assert build() == 1
    workshop.write(front__main_dot_js="let y\n")
    assert build() == 2
    assert build(env={"A": "b"}) == 3
    workshop.write(front__more_dot_js="let z\n")
    assert build(env={"A": "b"}) == 4


@NAMESPACES
def test_everything_but_outputs_is_an_input_when_none_is_named(workshop: Workshop) -> None:
    def build() -> int:
        workshop.build("mkdir -p out; cp app.py out/copy")
        return workshop.runs

    assert build() == 1
    workshop.write(out__stale="of a run on the host\n")
    assert build() == 1
    workshop.write(app_dot_py="x = 2\n")
    assert build() == 2


@NAMESPACES
def test_files_of_the_project_below_outputs_count_as_far_as_commands_leave_them(workshop: Workshop) -> None:
    workshop.write(out__logo_dot_svg="logo", out__old_dot_js="old", out__both_dot_css="before")
    produced = workshop.build("rm out/old.js; echo after > out/both.css; echo new > out/new.js")
    assert workshop.texts(produced) == {"out/both.css": "after\n", "out/new.js": "new\n"}
    assert produced.removed == ("out/old.js",)


def test_command_sees_the_project_and_its_own_variables_only(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "leaked")
    (workshop.place / ".env").write_text("SECRET=leaked\n")
    produced = workshop.build("mkdir out; env > out/env; ls -a > out/ls; id -u > out/id", env={"FLAVOUR": "plain"})
    texts = workshop.texts(produced)
    assert "leaked" not in str(texts)
    assert "FLAVOUR=plain\n" in texts["out/env"]
    assert texts["out/id"] == "65534\n"
    assert texts["out/ls"].split() == [".", "..", "app.py", "front", "out"]


@NAMESPACES
@pytest.mark.parametrize(
    ("command", "message", "hint"),
    [
        ("echo line; exit 3", "build command 'echo line; exit 3': exit status 3\n    line", "reproduce it in"),
        ("npm ci", "build command 'npm ci': program 'npm' not found", 'dependencies = ["npm"]'),
        ("yarn", "build command 'yarn': program 'yarn' not found", "Debian does not package it"),
        ("kill -9 $$", "build command 'kill -9 $$': killed by signal 9", "memory"),
        ("echo 'getaddrinfo EAI_AGAIN host'; exit 1", "EAI_AGAIN", "network = true"),
        ("if", "build command 'if': exit status 2", "reproduce it in"),
        ("printf '\\036%d\\n' 99999; exit 4", "exit status 4", "reproduce it in"),
        ("echo https://me:secret@host/; exit 1", "https://host/", "reproduce it in"),
    ],
)
def test_failing_command_is_named_with_the_end_of_its_output(
    workshop: Workshop, command: str, message: str, hint: str
) -> None:
    error = failure(lambda: workshop.build("true", command))
    assert message in error.message
    assert hint in str(error.hint)
    assert "secret" not in error.message


@NAMESPACES
def test_output_in_errors_is_bounded(workshop: Workshop) -> None:
    error = failure(
        lambda: workshop.build(
            "head -c 100000000 /dev/zero | tr '\\0' x; for i in $(ls /usr/bin /usr/bin "
            "/usr/bin); do echo $i; done; exit 1"
        )
    )
    assert len(error.message.splitlines()) == 21
    assert len(error.message) < 20000


def test_command_is_ended_when_it_takes_too_long(workshop: Workshop) -> None:
    mark = str(time.time_ns())
    error = failure(lambda: workshop.build("true", f"bash -c 'exec -a {mark} sleep 1000'", timeout=5))
    assert "sleep 1000'\": timeout: the commands took longer than 5 s" in error.message
    assert "timeout" in str(error.hint)
    wait_until(lambda: running(mark) == [])


def test_command_is_ended_when_its_files_are_too_much_together(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_run, "LIMITS", Limits(written=1 << 25))
    fill = "bash -c 'for ((n = 0; ; n++)); do head -c 100000 /dev/zero > $n; done'"
    error = failure(lambda: workshop.build("true", fill))
    assert isinstance(error, DiskLimitError)
    assert error.message == f"build command {fill!r}: stopped because it wrote more than 0.03125 GiB"
    assert "find out what it writes" in str(error.hint)


def test_processes_are_bounded_when_a_command_forks_without_end(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_run, "LIMITS", Limits(processes=64))
    mark = str(time.time_ns())
    fork = f"bash -c 'for ((n = 0; n < 300; n++)); do (exec -a {mark} sleep 1000) & done'"
    error = failure(lambda: workshop.build(fork))
    # bash says the one, the shell that starts it the other: other sandboxes' processes are of the same user.
    assert "Resource temporarily unavailable" in error.message or "Cannot fork" in error.message
    assert running(mark) == []


@NAMESPACES
def test_memory_is_bounded(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_run, "LIMITS", Limits(memory=1 << 27))
    error = failure(lambda: workshop.build("bash -c 'printf -v a %200000000s x'"))
    assert "build command" in error.message


def test_daemons_are_ended(workshop: Workshop) -> None:
    mark = str(time.time_ns())
    workshop.build(f"mkdir out; echo 1 > out/a; bash -c \"(trap '' TERM HUP; exec -a {mark} sleep 1000) &\"")
    assert running(mark) == []


def test_network_is_refused_unless_the_settings_allow_it(workshop: Workshop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = f"mkdir out; bash -c 'echo > /dev/tcp/127.0.0.1/{server.getsockname()[1]}' && echo 1 > out/a"
        assert "exit status" in failure(lambda: workshop.build(command)).message
        produced = workshop.build(command, network=True)
    assert produced.has_network


@NAMESPACES
@pytest.mark.parametrize(
    ("command", "output", "message"),
    [
        ("true", "out", "build.outputs: 'out' does not exist after the commands ran"),
        ("mkdir -p out/empty", "out", "build.outputs: 'out' has no files after the commands ran"),
        ("ln -s /etc out", "out", "build.outputs: 'out' is reached through the link 'out'"),
        ("ln -s /usr a", "a/bin", "build.outputs: 'a/bin' is reached through the link 'a'"),
        ("mkdir out; ln -s /etc/passwd out/a", "out", "the link 'out/a' points outside 'out', to '/etc/passwd'"),
        ("mkdir out; ln -s ../app.py out/a", "out", "the link 'out/a' points outside 'out', to '../app.py'"),
        ("mkdir out; ln -s ../out2/x out/a", "out", "the link 'out/a' points outside 'out', to '../out2/x'"),
        ("mkdir out; mkfifo out/a", "out", "'out/a' is not a file, a directory or a link"),
        ("mkdir out; echo > $(printf 'out/\\377')", "out", "is not printable UTF-8"),
        ("mkdir out; echo > out/a; chmod 0 out/a out; ln -s x out2", "out2/x", "is reached through the link 'out2'"),
        ("mkfifo out", "out", "'out' is not a file, a directory or a link"),
    ],
)
def test_output_is_refused_when_it_is_not_what_the_settings_say(
    workshop: Workshop, command: str, output: str, message: str
) -> None:
    error = failure(lambda: workshop.build(command, outputs=(output,)))
    assert isinstance(error, MissingError | SettingsError)
    assert message in error.message


@NAMESPACES
def test_input_is_refused_when_nothing_matches_it(workshop: Workshop) -> None:
    error = failure(lambda: workshop.build("true", inputs=("front/**", "nowhere/*.js")))
    assert error.message == "build.inputs: no file of the project matches 'nowhere/*.js'"
    assert workshop.runs == 0


@NAMESPACES
def test_failed_commands_run_again(workshop: Workshop) -> None:
    failure(lambda: workshop.build("cp nowhere out"))
    failure(lambda: workshop.build("cp nowhere out"))
    assert workshop.runs == 2


def test_nothing_remains_when_the_sandbox_is_killed(workshop: Workshop) -> None:
    mark = str(time.time_ns())

    def kill() -> None:
        wait_until(lambda: running(mark) != [])
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == os.getpid() and b"_enter.py" in (path.parent / "cmdline").read_bytes():
                os.kill(int(path.parent.name), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    error = failure(lambda: workshop.build(f"bash -c 'exec -a {mark} sleep 1000'"))
    killer.join()
    assert "killed by signal 9" in error.message
    wait_until(lambda: running(mark) == [])


@NAMESPACES
def test_etc_is_the_root_s_with_the_host_s_network(workshop: Workshop, root: Path) -> None:
    (root / "etc" / "shells").write_text("/bin/sh\n")
    produced = workshop.build("mkdir out; ls /etc > out/etc; cat /etc/shells > out/shells", network=True)
    texts = workshop.texts(produced)
    assert texts["out/shells"] == "/bin/sh\n"
    assert {"grocker.npmrc", "shells"} <= set(texts["out/etc"].split())
    assert not {"usr", "etc", "bin"} & set(texts["out/etc"].split())


@NAMESPACES
def test_network_that_does_not_answer_is_said(workshop: Workshop) -> None:
    command = "echo 'npm ERR! code EAI_AGAIN'; exit 1"
    error = failure(lambda: workshop.build(command, network=True))
    assert isinstance(error, UnavailableError)
    assert error.message.startswith(f"build command {command!r}: no answer from the network\n    npm ERR!")


@NAMESPACES
def test_outputs_of_a_front_end_are_those_that_it_wrote(workshop: Workshop) -> None:
    result = workshop.build_front_end("mkdir a; echo > a/x", outputs=("a", "b"))
    assert [file.path for file in result.files] == ["a/x"]
    error = failure(lambda: workshop.build_front_end("true", outputs=("a", "b")))
    assert "the build did not write 'a' or 'b'" in error.message
    assert "grocker init --dry-run" in str(error.hint)


def test_secret_of_the_host_is_in_no_output_message_or_file(workshop: Workshop, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".npmrc").write_text("//registry.example/:_authToken=tok-3141592653\n")
    workshop.context = msgspec.structs.replace(workshop.context, environ={"HOME": str(home)})
    read = "cat $npm_config_userconfig; echo $GROCKER_NPM_0"
    error = failure(lambda: workshop.build(f"{read}; exit 1", network=True))
    assert "//registry.example/:_authToken=${GROCKER_NPM_0}\n" in error.message
    assert error.message.endswith("\n    ***")
    assert "tok-3141592653" not in error.message + "".join(workshop.progress.lines)
    error = failure(lambda: workshop.build(f"mkdir out; ({read}) > out/a", network=True))
    assert "'out/a' contains a password or token from this host's npm configuration" in error.message
    stored = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not any(b"tok-3141592653" in path.read_bytes() for path in stored)


@NAMESPACES
def test_npmrc_of_the_project_is_seen_when_it_has_no_password(workshop: Workshop) -> None:
    (workshop.place / ".npmrc").write_text("legacy-peer-deps=true\n//registry.example/:_authToken=${NPM_TOKEN}\n")
    produced = workshop.build("mkdir out; cp .npmrc out/seen")
    assert "legacy-peer-deps" in workshop.texts(produced)["out/seen"]
    (workshop.place / ".npmrc").write_text("//registry.example/:_authToken=abcdef\n")
    assert "exit status" in failure(lambda: workshop.build("mkdir out; cp .npmrc out/seen")).message
