"""``start SERVICE``: one process under supervision. Contract: E1, E2.

Everything happens in one loop over signals, which wait in the kernel until they are taken: nothing interrupts it.
"""

from __future__ import annotations

import os
import signal
import time

from . import restart_policy
from .child import NoProcess, reap, resume_when_stopped, send, spawn, status_of
from .failure import KILLED, say
from .program import Program
from .restart_policy import Restarts
from .signals import FORWARDED, STOP, waiting
from .terminal_watch import PRESSED, watch
from .value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from .spec import Restart

_LEFTOVERS = 2.0  # seconds that what a dead process left in its group has before it is killed
_KEYPRESS = 0.2  # seconds in which the watcher's end tells that Ctrl-C was what ended the service
_POLL = 0.05  # seconds; without a subreaper nobody tells when a group has become empty


class Job(Value):
    """What is supervised. ``stop_timeout``: seconds; ``mask``: signals that the service shall have blocked."""

    name: str
    program: Program
    environ: Mapping[str, str]
    directory: str
    stop_signal: int
    stop_timeout: float
    restart: Restart
    mask: set[int]
    terminal: int | None = None
    sockets: tuple[socket.socket, ...] = ()


class _Running:
    """The state of the loop: the main process (0: none), its group, the watcher in it, whether a stop was asked for."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.main = 0
        self.group = 0
        self.watcher: int | None = None
        self.status = 0
        self.asked = False


def supervise(job: Job) -> int:
    """Runs the service until it is asked to stop or given up; the container's exit status. Signals are held already.

    Raises Failure (126) when the program cannot be executed: trying again would not help.
    """
    running = _Running(job)
    restarts = Restarts(limit=job.restart)
    while True:
        status = _once(running)
        if running.asked:
            return _stop(running)
        _clear_group(running, time.monotonic() + min(_LEFTOVERS, job.stop_timeout))
        restarts, delay = restart_policy.after_death(restarts, time.monotonic())
        if delay is None:
            _say_given_up(job, status)
            return status or 1
        count = f"{len(restarts.times)} of {job.restart.times} in {job.restart.seconds} s"
        say(f"{job.name}: {_ended(status)}, started again in {delay:g} s ({count})")
        if _pass(running, time.monotonic() + delay):
            return _stop(running)


def _once(running: _Running) -> int:
    """Starts the process and waits until it ends, which gives its status, or a stop is asked for."""
    job = running.job

    def before(child: int) -> None:
        running.group = child
        running.watcher = watch(child) if job.terminal is not None else None

    try:
        running.main = spawn(
            job.program,
            job.environ,
            job.mask,
            foreground=job.terminal,
            directory=job.directory,
            keep=tuple(listener.fileno() for listener in job.sockets),
            before=before,
        )
    except NoProcess as failure:
        say(f"{job.name}: {failure.message}")
        return failure.status
    while running.main and not running.asked:
        _take(running, None)
    if running.watcher is not None:
        _pass(running, time.monotonic() + _KEYPRESS, until_watcher=True)
    return running.status


def _take(running: _Running, timeout: float | None) -> None:
    """Deals with the next signal, if one comes within ``timeout`` seconds."""
    number = waiting(timeout)
    if number in STOP:
        running.asked = True
    elif number in FORWARDED and running.main:
        send(number, running.main)
    elif number == signal.SIGCHLD:
        _reap(running)


def _reap(running: _Running) -> None:
    while True:
        process, status = reap(os.WNOHANG | os.WUNTRACED)
        if process == 0:
            return
        if process == running.main:
            if not resume_when_stopped(process, status):
                running.main, running.status = 0, status_of(status)
        elif process == running.watcher and not os.WIFSTOPPED(status):
            running.watcher = None
            running.asked = running.asked or status_of(status) == PRESSED


def _pass(running: _Running, deadline: float, *, until_watcher: bool = False) -> bool:
    """Lets time pass, until a stop is asked for; whether it was."""
    while not running.asked and not (until_watcher and running.watcher is None):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        _take(running, left)
    return running.asked


def _stop(running: _Running) -> int:
    """The graceful end within the stop time, else the hard one: 0 or 137."""
    job = running.job
    for listener in job.sockets:
        listener.close()  # the service has its own; nobody shall wait for a connection that is never answered
    deadline = time.monotonic() + job.stop_timeout
    if running.main:
        send(job.stop_signal, running.main)
        send(signal.SIGCONT, -running.group)
        while running.main and (left := deadline - time.monotonic()) > 0:
            _take(running, left)
    if running.main:
        say(
            f"{job.name}: not ended {job.stop_timeout:g} s after it was asked to, killed: "
            "GROCKER_STOP_TIMEOUT sets the time"
        )
    if _clear_group(running, deadline):
        return 0
    return KILLED


def _clear_group(running: _Running, deadline: float) -> bool:
    """Ends what is in the group: asked at first, killed at the deadline. Whether nothing had to be killed."""
    if not running.group:
        return True
    if running.watcher is not None:
        send(signal.SIGKILL, running.watcher)
    if not running.main and _is_there(running):
        send(signal.SIGTERM, -running.group)
        send(signal.SIGCONT, -running.group)
        while _is_there(running) and (left := deadline - time.monotonic()) > 0:
            _take(running, min(left, _POLL))
    gentle = not running.main and not _is_there(running)
    if not gentle:
        send(signal.SIGKILL, -running.group)
        latest = time.monotonic() + _LEFTOVERS
        while _is_there(running) and time.monotonic() < latest:
            _take(running, _POLL)
    running.group = 0
    return gentle


def _is_there(running: _Running) -> bool:
    _reap(running)
    try:
        os.killpg(running.group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _ended(status: int) -> str:
    if status > 128:
        try:
            return f"ended by {signal.Signals(status - 128).name}"
        except ValueError:
            pass
    return f"ended with status {status}"


def _say_given_up(job: Job, status: int) -> None:
    limit = job.restart
    why = f"after {limit.times} restarts in {limit.seconds} s" if limit.times else "restarting is left to the engine"
    say(f"{job.name}: {_ended(status)}, given up, {why}")
