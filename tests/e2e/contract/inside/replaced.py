"""Runs the entrypoint while a file of ``/config/ssh-dir`` is replaced all the time: ``replaced.py TIMES``, for root.

The file is on a directory of its own, mounted there. More than TIMES, until it has been copied once and refused once.
Prints what became of it, as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time

from tests.e2e.contract.inside.pid_one import RUNNER

_PLACE = "/config/ssh-dir"
_NEWNS = 0x00020000
_PRIVATE = 1 << 18 | 1 << 14
_BIND = 1 << 12


def _replace() -> None:
    """Until it is killed."""
    makers = (
        lambda path: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)),
        lambda path: os.symlink("/etc/passwd", path),
        lambda path: os.mkfifo(path, 0o666),
        lambda path: os.symlink("/proc/1/environ", path),
        _write_key,
        _write_key,
    )
    turn = 0
    while True:
        turn += 1
        temporary = f"{_PLACE}/..{turn}"
        makers[turn % len(makers)](temporary)
        os.rename(temporary, f"{_PLACE}/id_rsa")
        for _ in range(turn % 3000):
            pass


def _write_key(path: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write("key\n")


def _copied() -> str:
    try:
        with open("/home/blue/.ssh/id_rsa", encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def main(times: int) -> None:
    """In a mount namespace of its own: the operator's folder is read-only."""
    library = ctypes.CDLL(None, use_errno=True)
    os.makedirs("/tmp/replaced", exist_ok=True)
    assert library.unshare(_NEWNS) == 0
    assert library.mount(b"none", b"/", None, _PRIVATE, None) == 0
    assert library.mount(b"/tmp/replaced", _PLACE.encode(), None, _BIND, None) == 0
    _write_key(f"{_PLACE}/id_rsa")
    child = os.fork()
    if child == 0:
        _replace()
    statuses: list[int] = []
    copied: list[str] = []
    latest = time.monotonic() + 60
    while len(statuses) < times or (len(set(statuses)) < 2 and time.monotonic() < latest):
        done = subprocess.run(
            [RUNNER, "run", "true"], user=1000, group=0, extra_groups=(), capture_output=True, timeout=60
        )
        statuses.append(done.returncode)
        copied.append(_copied())
    os.kill(child, 9)
    print(json.dumps({"statuses": statuses, "copied": copied}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
