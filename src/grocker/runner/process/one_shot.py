"""Runs a command, script or shell below PID 1, which forwards signals, reaps and reports. Contract: E6."""

from __future__ import annotations

import os

from ..base.c_modules import signal
from ..base.value import TYPE_CHECKING
from .child import exit_status, foreground_terminal, reap, replace_process, resume_when_stopped, spawn
from .program import Program
from .signals import block_signals, next_signal, signal_process

if TYPE_CHECKING:
    from collections.abc import Mapping


def run_command(program: Program, environ: Mapping[str, str], mask: set[int]) -> int:
    """Run ``program`` and return its exit status. Under another init the runner becomes the program.

    ``mask``: signals that were blocked when the container started. Raises Failure (126, 127).
    """
    if os.getpid() != 1:
        replace_process(program, environ, mask)
    block_signals()
    child = spawn(program, environ, mask, foreground=foreground_terminal())
    while True:
        number = next_signal(None)
        if number != signal.SIGCHLD:
            signal_process(child, number)
            continue
        while True:
            process, status = reap(os.WNOHANG | os.WUNTRACED)
            if process == 0:
                break
            if process == child and not resume_when_stopped(child, status):
                return exit_status(status)
