"""A command, script or shell under the runner as PID 1, a small parent that forwards, reaps, reports. Contract: E6."""

from __future__ import annotations

import os

from ..base.c_modules import signal
from ..base.value import TYPE_CHECKING
from .child import become, reap, resume_when_stopped, send, spawn, status_of, terminal
from .program import Program
from .signals import hold, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(program: Program, environ: Mapping[str, str], mask: set[int]) -> int:
    """The exit status of ``program``. Under another init it is executed instead, and this does not return.

    ``mask``: signals that were blocked when the container started. Raises Failure (126, 127).
    """
    if os.getpid() != 1:
        become(program, environ, mask)
    hold()
    child = spawn(program, environ, mask, foreground=terminal())
    while True:
        number = waiting(None)
        if number != signal.SIGCHLD:
            send(number, child)
            continue
        while True:
            process, status = reap(os.WNOHANG | os.WUNTRACED)
            if process == 0:
                break
            if process == child and not resume_when_stopped(child, status):
                return status_of(status)
