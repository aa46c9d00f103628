from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from grocker.runner.process import child
from grocker.runner.process.loop import Loop
from grocker.runner.process.program import Program
from grocker.runner.status import loopback_request


@contextmanager
def descriptors(number: int) -> Iterator[None]:
    """No more than so many can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.fault(number=32)
@pytest.mark.parametrize("number", [0, 2])
def test_child_is_a_matter_for_later_when_there_are_no_descriptors(number: int) -> None:
    program = Program(path="/bin/true", arguments=("true",))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(child.ProcessLimitReached) as caught, descriptors(number):
        child.spawn(program, {}, set(), foreground=None)
    assert "--ulimit nofile" in caught.value.message
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.fault(number=32)
def test_question_on_the_loopback_is_not_answered_when_there_are_no_descriptors() -> None:
    answers: list[int | None] = []
    with Loop(lambda: None) as loop:
        with descriptors(0):
            loopback_request.send_request(loop, "/", 5.0, lambda status, _: answers.append(status), port=1)
        assert answers == [], "later"
        loop.turn(1.0)
    assert answers == [None]
