"""E2, E10: with ``-ti`` the terminal is the command's own."""

from __future__ import annotations

import fcntl
import struct
import termios
import uuid
from collections.abc import Callable

import pytest

from grocker.runner.contract.spec import Service
from tests.e2e.contract.engine import Engine, Terminal

Services = Callable[..., list[str]]


def _press_and_wait(terminal: Terminal, command: str) -> None:
    """Type a command at the shell's prompt, and wait until it runs: keys that signal are then for it alone."""
    terminal.press(f"sh -c 'echo be\"\"gun; exec {command}'\n")
    terminal.expect("begun")


@pytest.mark.fault(number=31)
def test_E10_shell_has_job_control(engine: Engine) -> None:
    with engine.terminal() as terminal:
        terminal.expect(r"[$#] ")
        _press_and_wait(terminal, "sleep 1000")
        terminal.press("\x1a")
        terminal.expect(r"Stopped .*sleep 1000")
        terminal.press("bg; jobs; kill %1; wait; echo over\n")
        terminal.expect(r"Running .*sleep 1000")
        terminal.expect(r"\nover")
        terminal.press("fg\nexit 3\n")
        assert terminal.wait() == 3
        assert "cannot set terminal" not in terminal.shown
        assert "no job control" not in terminal.shown


@pytest.mark.fault(number=31)
def test_E10_ctrl_c_interrupts_the_command(engine: Engine) -> None:
    with engine.terminal("bash", "-c", "trap 'echo interrupted; exit 7' INT; echo up; sleep 1000 & wait") as terminal:
        terminal.expect("up")
        terminal.press("\x03")
        terminal.expect("interrupted")
        assert terminal.wait() == 7


def test_E10_ctrl_c_leaves_the_shell_alone(docker: Engine) -> None:
    with docker.terminal() as terminal:
        terminal.expect(r"[$#] ")
        _press_and_wait(terminal, "sleep 1000")
        terminal.press("\x03")
        terminal.press("echo st''ill here $?\n")
        terminal.expect("still here 130")
        terminal.press("exit\n")
        assert terminal.wait() == 0


def test_E10_ctrl_z_does_not_leave_a_command_stopped(docker: Engine) -> None:
    with docker.terminal("bash", "-c", "echo up; for i in 1 2 3 4 5 6 7 8; do sleep 0.2; done; echo over") as terminal:
        terminal.expect("up")
        terminal.press("\x1a")
        terminal.expect("over")
        assert terminal.wait() == 0


@pytest.mark.fault(number=31)
def test_E10_window_size_reaches_the_command(docker: Engine) -> None:
    with docker.terminal(
        "bash", "-c", "trap 'stty size' WINCH; trap 'exit 9' INT; echo up; while :; do sleep 0.1; done"
    ) as terminal:
        terminal.expect("up")
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        terminal.process.send_signal(28)  # the engine's client looks at it again
        terminal.expect("33 77")
        terminal.press("\x03")
        assert terminal.wait() == 9


@pytest.mark.parametrize("stdin", ["null", "closed"])
def test_E10_shell_says_what_to_pass_when_it_has_no_stdin(docker: Engine, stdin: str) -> None:
    if stdin == "null":
        done = docker.run()
    else:
        script = "exec <&-; exec /opt/grocker/bin/grocker-runner run"
        done = docker.run("-c", script, options=["--entrypoint", "/bin/sh"])
    assert (done.status, done.out, len(done.err.splitlines())) == (64, "", 1)
    assert "-ti" in done.err


@pytest.mark.fault(number=31)
def test_E2_service_has_the_terminal(engine: Engine, services: Services) -> None:
    text = (
        "import os, sys; print('foreground', os.tcgetpgrp(0) == os.getpgrp() == os.getpid(), os.ttyname(0));"
        "print('heard', input()); import time; time.sleep(100)"
    )
    options = services(engine, {"x": Service(command=("python", "-u", "-c", text))})
    with engine.terminal("start", "x", options=options) as terminal:
        terminal.expect("foreground True /dev/")
        terminal.press("hello\n")
        terminal.expect("heard hello")
        terminal.press("\x03")
        assert terminal.wait() == 0


@pytest.mark.fault(number=31)
def test_E1_ctrl_c_asks_to_stop(engine: Engine) -> None:
    with engine.terminal("start", "www") as terminal:
        terminal.expect("Booting worker")
        terminal.press("\x03")
        assert terminal.wait() == 0
        assert "restarting" not in terminal.shown


def test_E1_ctrl_c_is_graceful_for_requests(docker: Engine, services: Services) -> None:
    text = (
        "import time\ndef application(environ, start):\n    print('asked', flush=True)\n    time.sleep(1.5)\n"
        "    start('200 OK', [])\n    return [b'answered']\n"
    )
    options = services(docker, {"www": Service(wsgi="slow:application")})
    folder = options[1].partition(":")[0]
    with open(f"{folder}/slow.py", "w") as file:
        file.write(text)
    options += ["--env", "PYTHONPATH=/config", "--volume", f"{folder}/slow.py:/config/slow.py:ro"]
    ask = "import urllib.request as u; open('/media/answer', 'wb').write(u.urlopen('http://127.0.0.1:8080').read())"
    name = f"grocker-test-{uuid.uuid4().hex[:12]}"
    with docker.terminal("start", "www", options=[*options, "--name", name]) as terminal:
        terminal.expect("Booting worker")
        docker.command("exec", "--detach", name, "python", "-c", ask)
        terminal.expect("asked")
        terminal.press("\x03")
        assert terminal.wait() == 0
        terminal.expect('GET / HTTP/1.1" 200') if "200" not in terminal.shown else None
