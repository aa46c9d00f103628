"""Sockets of a daemon's kind, in a directory of the test's own."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grocker.runner.log import syslog_socket
from grocker.runner.log.lines import CUT, LONGEST
from grocker.runner.log.syslog_socket import BATCH, QUEUE, SyslogSocket
from grocker.runner.process.loop import Loop
from tests.support.patience import PATIENCE

HEADER = b"<14>"


class Room:
    """A sender, and what it said and gave back."""

    def __init__(self, loop: Loop, path: Path) -> None:
        self.loop = loop
        self.path = path
        self.events: list[str] = []
        self.spilt = b""
        self.sender = SyslogSocket(loop, str(path), on_lost=self._lost, on_back=lambda: self.events.append("back"))

    def _lost(self, error: OSError) -> None:
        self.events.append(type(error).__name__)

    def _spill(self, lines: bytes) -> None:
        self.spilt += lines

    def put(self, lines: bytes) -> bool:
        return self.sender.put(HEADER, lines, self._spill)

    def until(self, reached: Callable[[], bool], seconds: float = PATIENCE) -> None:
        limit = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < limit, self.events
            self.loop.turn(0.1)


class Daemon:
    """Somebody who listens. ``records``: taken so far, without their headers."""

    def __init__(self, path: Path, kind: int = socket.SOCK_DGRAM) -> None:
        self.socket = socket.socket(socket.AF_UNIX, kind)
        path.unlink(missing_ok=True)
        self.socket.bind(str(path))
        self.records: list[bytes] = []

    def take(self) -> int:
        self.socket.setblocking(False)
        try:
            while True:
                record = self.socket.recv(1 << 20)
                assert record.startswith(HEADER)
                self.records.append(record.removeprefix(HEADER))
        except BlockingIOError:
            return len(self.records)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Loop(lambda: None) as loop:
        made = Room(loop, tmp_path / "log")
        yield made
        made.sender.close()


@pytest.fixture
def daemon(room: Room) -> Iterator[Daemon]:
    made = Daemon(room.path)
    room.sender.connect()
    yield made
    made.socket.close()


def test_lines_are_records_one_each(room: Room, daemon: Daemon) -> None:
    assert room.put(b"one\n\ntwo \xff\n")
    assert room.put(b"thr\x00ee\r\n")
    assert daemon.take() == 4
    assert daemon.records == [b"one", b"", b"two \xff", b"thr#000ee"]
    assert (room.sender.busy, room.events) == (False, [])


def test_records_wait_in_their_order_when_the_reader_is_slow(room: Room, daemon: Daemon) -> None:
    sent = [b"%06d" % number for number in range(5000)]
    assert room.put(b"".join(line + b"\n" for line in sent))
    assert room.sender.busy
    room.until(lambda: daemon.take() == len(sent))
    assert daemon.records == sent


def test_turn_is_short_however_much_there_is_to_send(room: Room, daemon: Daemon) -> None:
    assert room.put(b"x\n" * 200_000)
    for _ in range(200):
        before = daemon.take()
        room.sender.flush()
        assert daemon.take() - before <= BATCH


@pytest.mark.fault(number=15)
def test_lines_are_refused_when_the_reader_stops(room: Room, daemon: Daemon) -> None:
    block = (b"x" * 99 + b"\n") * 1000
    taken = 0
    while room.put(block):
        taken += len(block)
    assert QUEUE - 2 * len(block) < taken <= QUEUE + len(block)
    began = time.monotonic()
    room.loop.turn(0.1)
    assert time.monotonic() - began > 0.09, "nothing happens: the loop does not spin"
    room.sender.spill_all()
    assert not room.sender.busy
    assert daemon.take() + room.spilt.count(b"\n") == taken // 100


def test_many_short_lines_fill_the_queue_by_what_they_take_in_memory(room: Room, daemon: Daemon) -> None:
    number = 0
    while room.put(b"\n"):
        number += 1
    assert number < 5000


def test_daemon_that_starts_again_gets_the_next_record(room: Room, daemon: Daemon) -> None:
    room.put(b"before\n")
    daemon.socket.close()
    after = Daemon(room.path)
    room.put(b"after\n")
    assert after.take() == 1
    assert (after.records, room.events) == ([b"after"], [])
    after.socket.close()


@pytest.mark.slow
def test_daemon_that_is_away_gets_what_waited(room: Room, daemon: Daemon) -> None:
    daemon.socket.close()
    room.put(b"one\n")
    assert (room.events, room.sender.connected) == (["ConnectionRefusedError"], False)
    room.put(b"two\n")
    room.path.unlink()
    after = Daemon(room.path)
    room.until(lambda: after.take() == 2)
    assert (after.records, room.events) == ([b"one", b"two"], ["ConnectionRefusedError", "back"])
    after.socket.close()


@pytest.mark.slow
@pytest.mark.fault(number=15)
def test_daemon_is_found_again_when_the_old_one_is_stuck(room: Room, daemon: Daemon) -> None:
    room.put(b"x\n" * 100)
    with daemon.socket:
        after = Daemon(room.path)
        room.until(lambda: after.take() > 80)
        assert room.events == []
    after.socket.close()


@pytest.mark.slow
def test_socket_that_is_not_there_at_first_is_waited_for(room: Room) -> None:
    with pytest.raises(FileNotFoundError):
        room.sender.connect()
    room.sender.expect()
    room.put(b"early\n")
    late = Daemon(room.path)
    room.until(lambda: late.take() == 1)
    assert room.events == ["back"]
    late.socket.close()


def test_line_is_cut_when_it_is_too_long(room: Room, daemon: Daemon) -> None:
    room.put(b"x" * (LONGEST + 1) + b"\nshort\n")
    assert daemon.take() == 2
    assert daemon.records == [b"x" * LONGEST + CUT, b"short"]


@pytest.mark.fault(number=15)
def test_line_is_made_shorter_when_the_system_does_not_take_it(room: Room, daemon: Daemon) -> None:
    assert room.sender._socket is not None
    room.sender._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel makes it its least, 4608
    room.put(b"x" * 16000 + b"\nshort\n")
    room.until(lambda: daemon.take() == 2)
    assert daemon.records == [b"x" * 4000 + CUT, b"short"]
    assert room.sender.dropped == 0


def test_stream_socket_takes_records_that_end_with_nul(room: Room) -> None:
    listener = Daemon(room.path, socket.SOCK_STREAM).socket
    listener.listen()
    room.sender.connect()
    with listener, listener.accept()[0] as reader:
        lines = b"".join(b"%05d" % number + b"x" * 500 + b"\n" for number in range(1500))
        assert room.put(lines)
        assert room.sender.busy
        got = b""
        while len(got) < len(lines) + 1500 * len(HEADER):
            got += reader.recv(7777)
            room.loop.turn(0)
    assert got == b"".join(HEADER + line + b"\0" for line in lines.split(b"\n")[:-1])


def test_stream_s_record_is_sent_whole_again_when_its_reader_went(room: Room) -> None:
    listener = Daemon(room.path, socket.SOCK_STREAM).socket
    listener.listen()
    room.sender.connect()
    lines = b"".join(b"%05d" % number + b"x" * 500 + b"\n" for number in range(1500))
    with listener:
        with listener.accept()[0] as reader:
            room.put(lines)
            reader.recv(100)
        room.loop.turn(0)
        listener.setblocking(False)
        with listener.accept()[0] as reader:
            reader.setblocking(False)
            got = reader.recv(1 << 20)
    first, *_ = got.removeprefix(HEADER).split(b"\0")
    assert len(first) == 505
    assert first + b"\n" in lines


def test_end_waits_for_a_slow_reader_and_gives_back_what_it_did_not_take(
    room: Room, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog_socket, "_LAST_WAIT", 3.0)  # within which the reader gets a processor
    child = os.fork()
    if child == 0:
        for _ in range(50):
            daemon.socket.recv(100)
        os._exit(0)
    room.put(b"line\n" * 100)
    room.sender.leave_loop()
    began = time.monotonic()
    room.sender.finish(began + 600)
    assert 2.9 < time.monotonic() - began < 300
    os.waitpid(child, 0)
    left = daemon.take()
    assert 5 <= left <= 12
    assert room.spilt == b"line\n" * (50 - left)
