"""Starts a service twice, with connections of the first one in TIME_WAIT: ``linger.py [NAME=VALUE] ARGUMENTS…``.

Prints the ports that have such, then the exit status of each.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

from tests.e2e.contract.inside.pid_one import RUNNER

_TIME_WAIT = "06"  # net/tcp_states.h


def ask(port: int) -> None:
    latest = time.monotonic() + 300
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                while client.recv(4096):
                    pass
                return
        except OSError:
            if time.monotonic() > latest:
                raise
            time.sleep(0.02)


def lingering() -> set[int]:
    with open("/proc/net/tcp", encoding="ascii") as file:
        lines = [line.split() for line in file][1:]
    return {int(words[1].partition(":")[2], 16) for words in lines if words[3] == _TIME_WAIT}


given = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
arguments = [word for word in sys.argv[1:] if "=" not in word]
for turn in range(2):
    with subprocess.Popen([RUNNER, "run", *arguments], env={**os.environ, **given}, stdout=sys.stderr) as process:
        for number in (8080, 8081):
            ask(number)
        if turn == 0:
            print(*sorted(lingering() & {8080, 8081}), flush=True)
        process.send_signal(signal.SIGTERM)
        print(process.wait(300), flush=True)
