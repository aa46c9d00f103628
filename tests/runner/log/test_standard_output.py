from __future__ import annotations

import os
import pty
import socket
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grocker.runner.log.standard_output import FULL, StandardOutput
from grocker.runner.process.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    with Loop(lambda: None) as made:
        yield made


@pytest.fixture
def output(loop: Loop) -> Iterator[Callable[[int], StandardOutput]]:
    """Of a descriptor, which is closed in the end."""
    made: list[tuple[StandardOutput, int]] = []

    def of(descriptor: int) -> StandardOutput:
        made.append((StandardOutput(loop, descriptor), descriptor))
        return made[-1][0]

    yield of
    for one, descriptor in made:
        one.close()
        os.close(descriptor)


def _terminal() -> tuple[int, int]:
    master, slave = pty.openpty()
    tty.setraw(slave, termios.TCSANOW)
    return master, slave


def _sockets() -> tuple[int, int]:
    one, other = socket.socketpair()
    return one.detach(), other.detach()


def _named(directory: Path) -> tuple[int, int]:
    """A pipe that cannot be opened once more: nobody reads it at that moment."""
    path = directory / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    os.close(reader)
    return -1, writer


@pytest.mark.parametrize("ends", [os.pipe, _terminal, _sockets], ids=["pipe", "terminal", "socket"])
def test_output_waits_in_its_order_when_nobody_reads(
    loop: Loop, output: Callable[[int], StandardOutput], ends: Callable[[], tuple[int, int]]
) -> None:
    reader, writer = ends()
    out = output(writer)
    sent = [f"{number:07d}\n".encode() * 1000 for number in range(60)]
    resumed: list[bool] = []
    for data in sent:
        out.write(data)
    assert out.full
    assert os.get_blocking(writer)
    out.when_writable(lambda: resumed.append(out.full))
    got = b""
    while len(got) < len(b"".join(sent)):
        if not out.busy:
            assert resumed == [False]
        got += os.read(reader, 4096)
        loop.turn(0)
    os.close(reader)
    assert got == b"".join(sent)
    assert (out.busy, out.dropped) == (False, 0)


def test_output_waits_for_a_pipe_that_cannot_be_opened_again(
    loop: Loop, output: Callable[[int], StandardOutput], tmp_path: Path
) -> None:
    _, writer = _named(tmp_path)
    out = output(writer)
    out.write(b"nobody\nthere\n")
    assert (out.dropped, out.busy) == (2, False)
    reader = os.open(tmp_path / "pipe", os.O_RDONLY)
    sent = b"x" * 99 + b"\n"
    for _ in range(2000):
        out.write(sent)
    assert out.full
    got = 0
    while got < 2000 * len(sent):
        got += len(os.read(reader, 5000))
        loop.turn(0)
    os.close(reader)
    assert out.dropped == 2


def test_output_is_dropped_and_counted_when_it_is_too_much(output: Callable[[int], StandardOutput]) -> None:
    reader, writer = os.pipe()
    out = output(writer)
    for _ in range(300):
        out.write(b"x" * 9999 + b"\n")
    os.close(reader)
    assert 150 < out.dropped < 200


@pytest.mark.fault(number=16)
def test_output_is_dropped_and_counted_when_its_reader_goes(
    loop: Loop, output: Callable[[int], StandardOutput]
) -> None:
    reader, writer = os.pipe()
    out = output(writer)
    out.write(b"x\n" * (FULL + 40000))
    resumed: list[bool] = []
    out.when_writable(lambda: resumed.append(True))
    os.close(reader)
    loop.turn(1)
    assert (out.busy, resumed) == (False, [True])
    assert out.dropped >= FULL // 2
    turns = time.monotonic()
    loop.turn(0.05)
    assert time.monotonic() - turns > 0.04  # it does not spin


def test_output_to_a_file_goes_behind_what_others_write(
    output: Callable[[int], StandardOutput], tmp_path: Path
) -> None:
    writer = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    out = output(writer)
    out.write(b"one\n")
    os.write(writer, b"another's\n")
    out.write(b"two\n")
    assert (tmp_path / "log").read_bytes() == b"one\nanother's\ntwo\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_output_is_counted_when_the_disk_is_full(output: Callable[[int], StandardOutput]) -> None:
    out = output(os.open("/dev/full", os.O_WRONLY))
    out.write(b"one\ntwo\n")
    assert out.dropped == 2


def test_output_is_written_at_the_end_as_long_as_somebody_reads(output: Callable[[int], StandardOutput]) -> None:
    reader, writer = os.pipe()
    out = output(writer)
    out.write(b"x" * 100_000 + b"\n")
    out.leave_loop()
    began = time.monotonic()
    out.finish(began + 0.1)
    assert time.monotonic() - began > 0.05
    assert (out.busy, out.dropped) == (False, 1)
    os.close(reader)
