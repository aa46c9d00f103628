"""Ctrl-C and TERM end a command, wherever they hit it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE

PROGRAM = """
import os, signal, sys, time, weakref
from grocker.cli import interrupt, main
interrupt._LONG = {long}
class Object: pass
def kill(*_): os.kill(os.getpid(), signal.{signal})
def run(arguments):
    sys.stdout.write("ready\\n"); sys.stdout.flush()
{body}
    return 0
main.run = run
main.main()
"""
BODIES = {
    "in a destructor": "    Object.__del__ = kill\n    Object()\n    time.sleep(50)",
    "in the callback of a weak reference": (
        "    it = Object(); ref = weakref.ref(it, kill)\n    del it\n    time.sleep(50)"
    ),
    "in the callback, and then in a loop": (
        "    it = Object(); ref = weakref.ref(it, kill)\n    del it\n    while True: pass"
    ),
    "in a destructor within a handler": (
        "    Object.__del__ = kill\n    try: 1 / 0\n    except ZeroDivisionError: Object(); time.sleep(50)"
    ),
    "while a thread waits": (
        "    import threading; it = threading.Thread(target=time.sleep, args=(50,)); it.start(); kill(); it.join()"
    ),
}


def start(body: str, name: str = "SIGTERM", long: float = 60) -> subprocess.Popen[str]:
    """``long``: seconds of unwinding after which it says how to end at once."""
    program = PROGRAM.format(signal=name, body=body, long=long)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("place", BODIES)
def test_signal_is_not_lost(place: str, name: str) -> None:
    process = start(BODIES[place], name)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert said == "grocker: interrupted; finished work is kept\n"


@pytest.mark.slow
def test_cleaning_up_is_not_interrupted_by_the_clock() -> None:
    body = "    try: kill(); time.sleep(50)\n    finally:\n        time.sleep(1); print('clean', flush=True)"
    process = start(body, long=0.5)
    out, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "clean\n")
    assert "press Ctrl-C again" in said


@pytest.mark.slow
def test_cleaning_up_without_end_is_cut_off() -> None:
    process = start("    try: kill(); time.sleep(500)\n    finally:\n        time.sleep(500)")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


def test_second_signal_ends_at_once_and_takes_programs_along(tmp_path: Path) -> None:
    body = f"""    from grocker import command
    import threading
    script = "sleep 1000 & echo $! >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; wait"
    run = lambda: command.run(["sh", "-c", script], action="x", environment=dict(os.environ))
    threading.Thread(target=run, daemon=True).start()
    while not os.path.exists("{tmp_path}/pid"): time.sleep(0.01)
    try: kill(); time.sleep(500)
    finally:
        print("cleaning", flush=True); time.sleep(500)"""
    process = start(body)
    assert process.stdout is not None
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(f"/proc/{child}") and Path(f"/proc/{child}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ignored_interrupt_stays_ignored() -> None:
    program = PROGRAM.format(signal="SIGINT", long=60, body="    kill()\n    time.sleep(0.3)")
    done = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", program], capture_output=True, check=False
    )
    assert done.returncode == 0
