"""Real descriptors, real signals."""

from __future__ import annotations

import os
import signal

import pytest

from grocker.runner.process.loop import Loop


@pytest.mark.slow
@pytest.mark.fault(number=37)
def test_loop_hears_of_a_child_however_many_other_signals_came() -> None:
    """What wakes the loop is a pipe, and others can fill it."""
    ended: list[int] = []
    with Loop(lambda: ended.append(1), lambda _: None) as loop:
        for _ in range(1 << 17):
            signal.raise_signal(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGCHLD)
        for _ in range(3):
            loop.turn(0.0)
    assert ended == [1]


def test_loop_passes_other_signals_on_and_keeps_those_that_ask_to_stop() -> None:
    came: list[int] = []
    with Loop(lambda: None, came.append) as loop:
        for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR2, signal.SIGTERM):
            os.kill(os.getpid(), number)
        loop.turn(0.0)
        assert loop.stop_requested
    assert came == [signal.SIGHUP, signal.SIGUSR2]


def test_loop_waits_no_longer_than_until_the_next_moment() -> None:
    happened: list[str] = []
    with Loop(lambda: None) as loop:
        loop.after(0.02, lambda: happened.append("second"))
        loop.after(0.01, lambda: happened.append("first"))
        loop.after(0.0, lambda: happened.append("never")).cancel()
        while len(happened) < 2:
            loop.turn(3600.0)
    assert happened == ["first", "second"]
