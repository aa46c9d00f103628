from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grocker import command
from grocker.errors import UnavailableError
from tests.support.patience import PATIENCE

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def sh(script: str, **named: str) -> command.Output:
    return command.run(["sh", "-c", script], action="testing", environment={**ENVIRONMENT, **named})


def test_program_gives_its_output_and_status() -> None:
    assert sh("echo out; echo err >&2; exit 3") == command.Output(3, b"out\n", "err\n")


def test_program_has_the_environment_given_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROCKER_SECRET", "leaked")
    assert sh("echo $GROCKER_SECRET$GIVEN", GIVEN="given").stdout == b"given\n"


def test_program_has_umask_022_whatever_ours_is() -> None:
    old = os.umask(0o077)
    try:
        assert sh("umask").stdout == b"0022\n"
    finally:
        os.umask(old)


def test_program_reads_what_it_is_given_and_else_nothing(tmp_path: Path) -> None:
    given = command.run(["cat"], action="testing", environment=ENVIRONMENT, stdin=b"text")
    assert given.stdout == b"text"
    assert command.run(["cat"], action="testing", environment=ENVIRONMENT).stdout == b""
    assert command.run(["pwd"], action="testing", environment=ENVIRONMENT, directory=tmp_path).stdout == (
        f"{tmp_path}\n".encode()
    )


def test_daemon_that_a_program_leaves_behind_is_not_waited_for() -> None:
    output = sh("echo out; sleep 1000 & echo $!")
    out, daemon = output.stdout.split()
    assert out == b"out"
    os.kill(int(daemon), signal.SIGKILL)


def test_program_that_a_signal_ended_says_so() -> None:
    assert sh("kill -9 $$").status == -signal.SIGKILL


def test_program_has_no_terminal_to_ask_for_a_password_on() -> None:
    """git asks on /dev/tty: in the background that stops it for ever, without a terminal it is an error at once."""
    assert sh("exec 2>/dev/null; : </dev/tty && echo asked").stdout == b""


def test_output_that_is_not_utf_8_is_still_shown() -> None:
    assert sh(r"printf 'a\377' >&2").stderr == "a\ufffd"


def test_error_names_action_program_and_remedy_when_it_does_not_exist() -> None:
    with pytest.raises(UnavailableError) as raised:
        command.run(["no-such-program"], action="loading the image", environment=ENVIRONMENT, hint="install it")
    assert raised.value.message == "loading the image: cannot start no-such-program: No such file or directory"
    assert raised.value.hint == "install it"


def test_error_names_the_directory_when_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot start true in .*gone: No such file"):
        command.run(["true"], action="testing", environment=ENVIRONMENT, directory=tmp_path / "gone")


def test_error_says_why_when_a_program_may_not_be_run(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("text")
    with pytest.raises(UnavailableError, match="Permission denied"):
        command.run([program], action="testing", environment=ENVIRONMENT)


@pytest.fixture(params=["pidfd", "before Linux 5.3"])
def _waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    if request.param != "pidfd":
        monkeypatch.setattr(os, "pidfd_open", refuse)


@pytest.mark.usefixtures("_waiting")
def test_program_is_ended_when_it_takes_longer_than_it_may() -> None:
    with pytest.raises(UnavailableError, match=r"asking podman: sh did not finish within 0\.2 s"):
        command.run(["sh", "-c", "sleep 1000 & wait"], action="asking podman", environment=ENVIRONMENT, seconds=0.2)


@pytest.mark.usefixtures("_waiting")
def test_program_is_waited_for_when_it_takes_less_than_it_may() -> None:
    for seconds in (PATIENCE, None):
        script = ["sh", "-c", "sleep 0.1; exit 7"]
        assert command.run(script, action="testing", environment=ENVIRONMENT, seconds=seconds).status == 7


def test_program_is_ended_when_it_never_reads_what_it_is_given() -> None:
    with pytest.raises(UnavailableError, match=r"testing: sleep did not finish within 0\.2 s"):
        command.run(["sleep", "1000"], action="testing", environment=ENVIRONMENT, stdin=bytes(1 << 20), seconds=0.2)


def test_program_that_reads_slowly_gets_all_that_it_is_given() -> None:
    words = ["sh", "-c", "sleep 0.2; wc -c"]
    done = command.run(words, action="testing", environment=ENVIRONMENT, stdin=bytes(1 << 20))
    assert done.stdout.split() == [str(1 << 20).encode()]


def test_streamed_program_is_ended_when_it_closes_its_output_and_goes_on() -> None:
    with pytest.raises(UnavailableError, match=r"testing: sh did not finish within 0\.2 s"):
        stream("exec >&-; sleep 1000", seconds=0.2)


_RUN = """
import os, subprocess, sys, time
from grocker import command

started = subprocess.Popen._execute_child
def start_slowly(*arguments):
    started(*arguments)
    time.sleep(float(sys.argv[1]))
subprocess.Popen._execute_child = start_slowly
command.run(
    ["sh", "-c", "sleep 1000 & echo $! > pid.new; mv pid.new pid; wait"], action="x", environment=dict(os.environ)
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while it runs", "while it is started"])
def test_program_and_its_children_end_when_we_are_interrupted(tmp_path: Path, moment: str) -> None:
    """uv starts a back end, which starts a compiler: none of them outlives Ctrl-C or a TERM."""
    seconds = "1" if moment == "while it is started" else "0"
    running = subprocess.Popen([sys.executable, "-c", _RUN, seconds], cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "pid").exists)
    child = int((tmp_path / "pid").read_text())
    running.send_signal(signal.SIGINT)
    assert running.wait(PATIENCE) == -signal.SIGINT
    wait_for(lambda: not is_alive(child))


_UNNOTICED = """
import os, threading, _thread
from grocker import command

# As a signal that comes just before a system call: it is noted, and the call is not interrupted.
threading.Timer(0.5, _thread.interrupt_main).start()
command.{call}(["sleep", "1000"], action="x", environment=dict(os.environ){more})
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "more"),
    [("run", ""), ("run", ", seconds=1000"), ("stream", ", stdin=b'', on_line=print, seconds=1000")],
    ids=["run", "run with a limit", "stream"],
)
def test_interrupt_that_comes_just_before_a_system_call_is_not_lost(call: str, more: str) -> None:
    script = _UNNOTICED.format(call=call, more=more)
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    assert done.returncode == -signal.SIGINT


def test_program_that_another_thread_starts_is_killed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = subprocess.Popen._execute_child  # type: ignore[attr-defined]

    def start_slowly(*arguments: object) -> None:
        started(*arguments)
        time.sleep(0.3)

    def run() -> None:
        words = ["sh", "-c", "echo $$ > new; mv new pid; exec sleep 1000"]
        command.run(words, action="x", environment=ENVIRONMENT, directory=tmp_path)

    monkeypatch.setattr(subprocess.Popen, "_execute_child", start_slowly)
    monkeypatch.setattr(command, "_START", PATIENCE)
    thread = threading.Thread(target=run)
    thread.start()
    wait_for((tmp_path / "pid").exists)
    command.kill_running()
    child = int((tmp_path / "pid").read_text())
    wait_for(lambda: not is_alive(child))
    thread.join(PATIENCE)


def stream(script: str, seconds: float = PATIENCE) -> tuple[command.Output, list[str]]:
    lines: list[str] = []
    output = command.stream(
        ["sh", "-c", script],
        action="testing",
        environment=ENVIRONMENT,
        stdin=b"given\n",
        on_line=lines.append,
        seconds=seconds,
    )
    return output, lines


def test_streamed_program_gives_lines_as_they_come_status_and_errors_apart() -> None:
    output, lines = stream(r"cat; printf 'two\n\377'; echo why >&2; exit 4")
    assert output == command.Output(4, b"given\ntwo\n\xff", "why\n")
    assert lines == ["given", "two"]


def test_streamed_output_is_bounded_when_it_is_long_or_a_line_is() -> None:
    output, lines = stream("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end")
    assert (len(output.stdout), output.stdout[-4:]) == (1 << 18, b"end\n")
    assert [len(lines[0]), lines[1]] == [1 << 12, "end"]


def test_streamed_program_is_ended_when_it_takes_longer_than_it_may() -> None:
    with pytest.raises(UnavailableError, match=r"sh did not finish within 0\.2 s"):
        stream("sleep 1000 & wait", 0.2)


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_signals_have_their_handlers_again_when_a_program_was_started_or_could_not_be() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert sh("true").status == 0
    with pytest.raises(UnavailableError):
        command.run(["no-such-program"], action="testing", environment=ENVIRONMENT)
    with pytest.raises(ValueError, match="null"):
        command.run(["true", "\0"], action="testing", environment=ENVIRONMENT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_programs_run_side_by_side_when_they_are_run_in_threads(tmp_path: Path) -> None:
    """Each ends once all are there."""
    text = f"mktemp -p {tmp_path} >/dev/null; until [ $(ls {tmp_path} | wc -l) -ge 4 ]; do sleep 0.02; done; echo met"
    with ThreadPoolExecutor(4) as pool:
        assert [one.stdout for one in pool.map(lambda _: sh(text), range(4))] == [b"met\n"] * 4


def test_program_runs_already_when_what_is_done_meanwhile_begins(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    output = command.run(
        ["sh", "-c", f"cat {pipe}"],
        action="testing",
        environment=ENVIRONMENT,
        # Opening a pipe for writing waits for its reader.
        meanwhile=lambda: pipe.write_text("from the caller\n"),
    )
    assert output.stdout == b"from the caller\n"
