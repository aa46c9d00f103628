"""Ctrl-C and TERM: the work is unwound, whatever swallows the exception; a second one ends the process at once.

The handler of a signal raises KeyboardInterrupt wherever the main thread is. Within a destructor or a weak reference's
callback, as importlib has them, Python prints and drops it, and the build goes on. So a clock looks whether it arrived.
Standard library only: this is on the way of a build in which nothing changed.
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

STATUS = 130
_TICK = 0.1
"""seconds between two looks"""
_LONG = 0.5
"""seconds of unwinding after which people are told how to end it"""
_GRACE = 5.0
"""seconds that unwinding may take: a thread may wait for the network; the next build sweeps what is left"""


class _Progress:
    """How far ending has come."""

    began = 0.0
    """of the monotonic clock: when the first signal came"""
    is_told = False
    """whether people know how to end it at once"""


_progress = _Progress()


def install() -> None:
    """Handle INT, unless it is ignored (nohup, ``&``), and TERM."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _unraisable


def acknowledge() -> None:
    """Stop looking: the exception has arrived where the process ends."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _progress.began:
        _end_at_once()
    _progress.began = time.monotonic()
    signal.signal(signal.SIGALRM, _look)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    raise KeyboardInterrupt


def _look(number: int, frame: FrameType | None) -> None:
    """Raise the exception again unless the main thread handles it just now; end the process when that takes long."""
    waited = time.monotonic() - _progress.began
    if waited > _GRACE:
        _end_at_once()
    if waited > _LONG and not _progress.is_told:
        _progress.is_told = True
        os.write(2, b"grocker: stopping; press Ctrl-C again to end at once\n")
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return
        error = error.__context__
    raise KeyboardInterrupt


def _end_at_once() -> NoReturn:
    command = sys.modules.get("grocker.command")
    if command is not None:
        command.kill_running()
    os.write(2, b"grocker: interrupted\n")
    os._exit(STATUS)


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)
