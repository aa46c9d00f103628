"""Ports for programs that cannot listen on port 0 and tell which one they got."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_MANY = 10_000


def free_port() -> int:
    """Find a port on which nobody listens, and which the kernel gives to nobody who asks for any port."""
    first = int(_RANGE.read_text().split()[0])
    dice = random.SystemRandom()
    while True:
        port = dice.randrange(max(1024, first - _MANY), first) if first > 1024 else 0
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
