"""The log with pipes on stdout and stderr, and sockets of a daemon's kind."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import termios
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from grocker.runner.base import failure
from grocker.runner.base.failure import Failure
from grocker.runner.log.channel import Channel
from grocker.runner.log.log import Log, LogStatus, SyslogPatience
from grocker.runner.process.loop import Loop
from tests.support.patience import PATIENCE

_PATIENCE = SyslogPatience()
_TIME_LENGTH = len("Dec  1 00:00:00 ")
"""bytes: RFC 3164 pads the day"""


class Standard:
    """Pipes where 1 and 2 were; our ends do not block. To be made in the test: before it, pytest puts its own there."""

    def __init__(self) -> None:
        self._kept = (os.dup(1), os.dup(2))
        self.ends = []
        for descriptor in (1, 2):
            reader, writer = os.pipe()
            os.dup2(writer, descriptor)
            os.close(writer)
            os.set_blocking(reader, False)
            self.ends.append(reader)

    def read(self, descriptor: int) -> bytes:
        got = b""
        try:
            while data := os.read(self.ends[descriptor - 1], 1 << 16):
                got += data
        except BlockingIOError:
            pass
        return got

    @property
    def out(self) -> bytes:
        return self.read(1)

    @property
    def err(self) -> bytes:
        return self.read(2)

    def restore(self) -> None:
        for descriptor, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, descriptor)
            os.close(kept)
        for reader in self.ends:
            os.close(reader)


class Room:
    """A log as ``start`` and ``cron`` have it. ``records``: what a daemon at ``path`` was sent, without the time."""

    def __init__(self, path: Path, loop: Loop, stack: ExitStack) -> None:
        self.path = path
        self.loop = loop
        self._standard: Standard | None = None
        self._stack = stack
        self._daemon: socket.socket | None = None
        self._records: list[bytes] = []

    def redirect(self) -> Standard:
        if self._standard is None:
            self._standard = Standard()
            self._stack.callback(self._standard.restore)
        return self._standard

    @property
    def standard(self) -> Standard:
        return self.redirect()

    def daemon(self) -> None:
        self.path.unlink(missing_ok=True)
        if self._daemon is not None:
            self._daemon.close()
        self._daemon = self._stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._daemon.bind(str(self.path))
        self._daemon.setblocking(False)

    def away(self) -> None:
        assert self._daemon is not None
        self._daemon.close()
        self._daemon = None

    def log(
        self,
        mode: str = "",
        *,
        source: str = "www",
        path: Path | None = None,
        patience: SyslogPatience = _PATIENCE,
    ) -> Log:
        environ = {"GROCKER_LOG": mode, "GROCKER_SYSLOG": str(path or self.path)}
        self.redirect()
        return self._stack.enter_context(Log(self.loop, "polls", source, environ, patience=patience))

    @property
    def records(self) -> list[bytes]:
        try:
            while self._daemon is not None:
                record = self._daemon.recv(1 << 16)
                priority, rest = record.split(b">", 1)
                self._records.append(priority + b"> " + rest[_TIME_LENGTH:])
        except BlockingIOError:
            pass
        return self._records

    def until(self, reached: Callable[[], bool], seconds: float = PATIENCE) -> None:
        limit = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < limit, self.records
            self.loop.turn(0.1)

    def write(self, channel: Channel, data: bytes) -> None:
        os.write(channel.descriptor, data)
        self.until(lambda: not self._unread(channel))

    def _unread(self, channel: Channel) -> int:
        found = array("i", [0])
        fcntl.ioctl(channel.descriptor, termios.FIONREAD, found)
        return found[0]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    failure.set_listener(None)
    with ExitStack() as stack:
        loop = stack.enter_context(Loop(lambda: None))
        yield Room(tmp_path / "log", loop, stack)


def test_output_goes_to_both_when_there_is_a_socket(room: Room) -> None:
    room.daemon()
    log = room.log()
    out, err = log.channel("www", error=False), log.channel("www", error=True)
    access = log.channel("www", error=False, access=True)
    for channel in (out, err, access):
        channel.pid = 42
    room.write(out, b"one\ntwo")
    room.write(err, b"bad \xff\n")
    room.write(access, b"GET /\n")
    room.write(out, b" and more\n")
    assert (room.standard.out, room.standard.err) == (b"one\nGET /\ntwo and more\n", b"bad \xff\n")
    assert room.records == [
        b"<182> polls.www[42]: one",
        b"<179> polls.www[42]: bad \xff",
        b"<190> polls.www[42]: GET /",
        b"<182> polls.www[42]: two and more",
    ]
    assert log.status() == LogStatus(lines=4, dropped=(("syslog", 0), ("stdout", 0), ("stderr", 0)), syslog=True)


def test_output_goes_to_syslog_alone_when_that_is_wanted(room: Room) -> None:
    room.daemon()
    log = room.log("syslog")
    room.write(log.channel("www", error=False), b"one\n")
    log.job("tidy", 7, True, [b"bad"])
    failure.warn("careful")
    assert (room.standard.out, room.standard.err) == (b"", b"")
    assert [record.split(b" ", 1)[1].split(b"[")[0] for record in room.records] == [
        b"polls.www: one",
        b"polls.www.tidy",
        b"polls.grocker",
    ]


def test_output_goes_to_stdout_alone_when_that_is_wanted(room: Room) -> None:
    room.daemon()
    log = room.log("stdout")
    room.write(log.channel("www", error=False), b"one\n")
    assert (room.standard.out, room.records, log.status().syslog) == (b"one\n", [], None)


@pytest.mark.parametrize("mode", ["both", "syslog"])
def test_output_goes_to_stdout_without_a_word_when_there_is_no_socket(room: Room, mode: str) -> None:
    room.redirect()
    with Log(room.loop, "polls", "www", {"GROCKER_LOG": mode}, socket=str(room.path)) as log:
        room.write(log.channel("www", error=False), b"one\n")
        assert (room.standard.out, room.standard.err) == (b"one\n", b"")
        assert log.status() == LogStatus(lines=1, dropped=(("stdout", 0), ("stderr", 0)), syslog=None)


@pytest.mark.fault(number=15)
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, b"a directory, not a socket; "),
        (Path.touch, b"a file, not a socket"),
        (lambda path: path.symlink_to(path), b"Too many levels of symbolic links"),
    ],
)
def test_what_is_no_socket_is_one_warning(room: Room, make: Callable[[Path], None], why: bytes) -> None:
    make(room.path)
    room.write(room.log("syslog").channel("www", error=True), b"one\n")
    warning, *rest = room.standard.err.splitlines()
    assert warning.startswith(b"grocker: warning: syslog: " + bytes(room.path) + b": " + why)
    assert rest == [b"one"]


def test_path_that_is_too_long_is_one_warning(room: Room) -> None:
    log = room.log(path=Path("/" + "x" * 200))
    assert b"path too long" in room.standard.err
    assert log.status().syslog is None


def test_another_mode_is_refused_with_those_that_there_are(room: Room) -> None:
    with pytest.raises(Failure, match="GROCKER_LOG: expected one of both, syslog, stdout, got 'file'") as refused:
        room.log("file")
    assert refused.value.status == 78


def test_jobs_have_a_tag_each(room: Room) -> None:
    room.daemon()
    log = room.log(source="cron")
    log.job("tidy", 7, False, [b"one", b"", b"two"])
    log.job("tidy", 0, True, [b"skipped"])
    failure.say("cron: the clock was set")
    assert (room.standard.out, room.standard.err) == (
        b"tidy[7]: one\ntidy[7]: \ntidy[7]: two\n",
        b"tidy: skipped\ngrocker: cron: the clock was set\n",
    )
    own = b"polls.grocker[%d]: " % os.getpid()
    assert room.records == [
        b"<78> polls.cron.tidy[7]: one",
        b"<78> polls.cron.tidy[7]: ",
        b"<78> polls.cron.tidy[7]: two",
        b"<75> polls.cron.tidy: skipped",
        b"<77> " + own + b"cron: the clock was set",
    ]


def test_runner_s_own_messages_are_logged_those_from_before_too(room: Room) -> None:
    room.daemon()
    room.redirect()
    failure.warn("early")
    log = room.log()
    failure.say("now")
    log.drain(1)
    failure.say("last")
    log.close()
    failure.say("over")
    assert room.standard.err == b"grocker: warning: early\ngrocker: now\ngrocker: last\ngrocker: over\n"
    assert [record.split(b" ", 1)[0] for record in room.records] == [b"<180>", b"<181>", b"<181>"]
    assert log.tail(None) == ["early", "now", "last"]


def test_lines_belong_to_the_process_that_wrote_them(room: Room) -> None:
    room.daemon()
    channel = room.log().channel("www", error=False)
    os.write(channel.descriptor, b"of the first\nwithout an end")
    channel.pid = 1
    room.write(channel, b"")
    os.write(channel.descriptor, b"of the second\n")
    channel.pid = 2
    room.write(channel, b"")
    assert [record.split(b" ", 1)[1] for record in room.records] == [
        b"polls.www[1]: of the first",
        b"polls.www[1]: without an end",
        b"polls.www[2]: of the second",
    ]
    assert room.standard.out == b"of the first\nwithout an endof the second\n"


def test_tail_has_the_lines_of_one(room: Room) -> None:
    log = room.log("stdout")
    for name in ("www", "worker"):
        room.write(log.channel(name, error=False), f"out of {name}\n".encode())
        room.write(log.channel(name, error=True), f"err of {name}\nnot yet whole".encode())
    room.write(log.channel("www", error=False, access=True), b"GET /\n")
    assert log.tail("www") == ["out of www", "err of www"]
    assert log.tail("www access") == ["GET /"]


@pytest.mark.fault(number=16)
def test_slow_reader_of_stdout_gets_everything_in_whole_lines(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grocker.runner.log.channel._BUSY_LINE_REST", PATIENCE)
    log = room.log("stdout")
    channels = [log.channel(name, error=False) for name in ("one", "two")]
    code = "import os, sys\nfor n in range(30): os.write(1, b''.join(sys.argv[1].encode() + b'%06d\\n' % m "
    code += "for m in range(n * 1000, (n + 1) * 1000)))"
    writers = [
        subprocess.Popen([sys.executable, "-IS", "-c", code, letter * 40], stdout=channel.descriptor)
        for letter, channel in zip("ab", channels, strict=True)
    ]
    got = b""
    while any(writer.poll() is None for writer in writers):
        room.loop.turn(0.05)
        try:
            got += os.read(room.standard.ends[0], 50_000)
        except BlockingIOError:
            pass
    while got.count(b"\n") < 60_000:
        room.loop.turn(0.01)
        got += room.standard.out
    lines = got.splitlines()
    for letter in (b"a", b"b"):
        assert [line for line in lines if line.startswith(letter)] == [letter * 40 + b"%06d" % n for n in range(30_000)]
    assert log.status() == LogStatus(lines=60_000, dropped=(("stdout", 0), ("stderr", 0)), syslog=None)


def test_line_stays_whole_when_its_writer_waited_for_room_and_gets_no_processor(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grocker.runner.log.channel._BUSY_LINE_REST", PATIENCE)
    log = room.log("stdout")
    busy, other = log.channel("one", error=False), log.channel("two", error=False)
    os.set_blocking(busy.descriptor, False)
    line = b"a" * 39 + b"\n"
    written = os.write(busy.descriptor, line * 10_000)  # as much as the pipe takes
    assert written % 40, "it ends within a line"
    got = b""
    while len(got) < written // 40 * 40:
        room.loop.turn(0.01)
        got += room.standard.out
    for _ in range(5):
        room.loop.turn(0.02)
    room.write(other, b"b\n")
    room.write(busy, line[written % 40 :])
    room.until(lambda: not log.full(False, lambda: None))
    got += room.standard.out
    assert sorted(set(got.splitlines())) == [line[:-1], b"b"]


@pytest.mark.slow
@pytest.mark.fault(number=16)
def test_writer_of_stdout_waits_when_nobody_reads_it(room: Room) -> None:
    log = room.log("stdout")
    out, err = log.channel("www", error=False), log.channel("www", error=True)
    with subprocess.Popen(["/bin/sh", "-c", "exec yes"], stdout=out.descriptor) as writer:
        room.until(lambda: log.full(False, lambda: None))
        for _ in range(50):
            room.loop.turn(0.02)
        began = time.monotonic()
        room.loop.turn(0.2)
        assert time.monotonic() - began > 0.19, "nothing happens: the loop does not spin"
        assert writer.poll() is None
        room.write(err, b"of others\n")
        assert room.standard.err == b"of others\n"
        writer.kill()
    assert log.status().dropped == (("stdout", 0), ("stderr", 0))


@pytest.mark.fault(number=16)
def test_nothing_ends_when_nobody_has_stdout_open(room: Room) -> None:
    log = room.log("stdout")
    os.close(room.standard.ends[0])
    room.standard.ends[0] = os.open(os.devnull, os.O_RDONLY)
    room.write(log.channel("www", error=False), b"one\ntwo\n")
    assert log.status().dropped == (("stdout", 2), ("stderr", 0))


@pytest.mark.slow
@pytest.mark.fault(number=15)
def test_records_left_out_are_counted_and_told_when_the_reader_stops(room: Room) -> None:
    room.daemon()
    log = room.log(patience=SyslogPatience(quiet=0.1))
    channel = log.channel("www", error=False)
    sent = 0
    while not log.status().dropped[0][1]:
        room.write(channel, (b"x" * 99 + b"\n") * 100)
        sent += 100
        assert room.standard.out
    assert b"cannot keep up" in room.standard.err
    lost = log.status().dropped[0][1]
    room.until(lambda: bool(room.records) and b"accepts records again" in room.records[-1])
    assert room.records[-1].endswith(b"accepts records again, dropped lines: %d" % lost)
    assert sum(b"xxx" in record for record in room.records) == sent - lost
    room.write(channel, b"on it goes\n")
    assert room.records[-1].endswith(b": on it goes")


@pytest.mark.slow
def test_records_left_out_go_to_stdout_when_it_is_for_syslog_alone(room: Room) -> None:
    room.daemon()
    log = room.log("syslog")
    channel = log.channel("www", error=False)
    sent = b""
    while not log.status().dropped[0][1]:
        sent += (data := b"%09d\n" % len(sent) * 1000)
        room.write(channel, data)
    out = [room.standard.out]
    os.set_blocking(room.standard.ends[0], True)

    def read() -> None:
        while not out[-1].endswith(b"done\n"):
            out.append(os.read(room.standard.ends[0], 1 << 16))

    reader = Thread(target=read)
    reader.start()
    log.job("tidy", 7, False, [b"done"])
    log.drain(5)
    reader.join()
    got = [record.rpartition(b" ")[2] for record in room.records if b"polls.www: 0" in record]
    *lines, last = b"".join(out).splitlines()
    assert last == b"tidy[7]: done"
    assert sorted(got + [line for line in lines if line.isdigit()]) == sent.splitlines()


@pytest.mark.slow
def test_daemon_that_went_away_is_told_of_once_and_found_again(room: Room) -> None:
    room.daemon()
    log = room.log()
    channel = log.channel("www", error=False)
    room.away()
    for line in (b"one\n", b"two\n"):
        room.write(channel, line)
    warnings = room.standard.err.splitlines()
    assert len(warnings) == 1
    assert b"back only when the container restarts" in warnings[0]
    assert log.status().syslog is False
    room.daemon()
    room.until(lambda: len(room.records) >= 4)
    texts = [record.partition(b": ")[2] for record in room.records]
    assert (texts[0], texts[2]) == (b"one", b"two")
    assert texts[3].endswith(b"accepts records again, dropped lines: 0")
    assert log.status().syslog is True


@pytest.mark.slow
def test_what_waits_for_a_daemon_that_stays_away_goes_to_stdout_when_it_is_for_syslog_alone(room: Room) -> None:
    room.daemon()
    log = room.log("syslog", patience=SyslogPatience(outage=0.1))
    channel = log.channel("www", error=False)
    room.away()
    room.write(channel, b"one\n")
    time.sleep(0.1)
    room.loop.turn(0)
    assert room.standard.out == b"one\n"
    room.write(channel, b"two\n")
    assert room.standard.out == b"two\n"
    room.daemon()
    room.until(lambda: bool(room.records))
    room.write(channel, b"three\n")
    assert (room.standard.out, room.records[-1]) == (b"", b"<182> polls.www: three")
    assert log.status().dropped[0] == ("syslog", 3)  # the warning of the loss too


@pytest.mark.slow
def test_socket_that_the_operator_named_is_waited_for(room: Room) -> None:
    channel = room.log().channel("www", error=False)
    assert room.standard.err.count(b"\n") == 1
    room.write(channel, b"early\n")
    room.daemon()
    room.until(lambda: any(b"early" in record for record in room.records))


@pytest.mark.fault(number=9)
def test_end_takes_what_is_in_the_pipes_and_waits_for_nobody_who_holds_them(room: Room, tmp_path: Path) -> None:
    room.daemon()
    said = tmp_path / "said"
    log = room.log()
    channel = log.channel("www", error=False)
    with subprocess.Popen(
        ["sh", "-c", f"echo last words; printf unended; : >{said}; exec sleep 600"], stdout=channel.descriptor
    ) as it:
        limit = time.monotonic() + PATIENCE
        while not said.exists():
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert room.standard.out == b""
        began = time.monotonic()
        log.drain(600)
        assert time.monotonic() - began < 300
        it.kill()
    assert room.standard.out == b"last words\nunended"
    assert [record.partition(b": ")[2] for record in room.records] == [b"last words", b"unended"]


@pytest.mark.fault(number=16)
def test_end_comes_in_time_when_somebody_floods_and_nobody_reads(room: Room) -> None:
    log = room.log("stdout")
    channel = log.channel("www", error=False)
    with subprocess.Popen(["yes"], stdout=channel.descriptor) as flood:
        room.until(lambda: log.full(False, lambda: None))
        began = time.monotonic()
        log.drain(0.3)
        assert time.monotonic() - began < 60
        flood.kill()
    assert log.status().dropped[0][1] > 0


def test_feeder_of_a_full_stdout_is_called_when_there_is_room(room: Room) -> None:
    log = room.log("stdout")
    called: list[bool] = []
    assert not log.full(False, lambda: called.append(True))
    log.job("tidy", 7, False, [b"x" * 1000] * 200)
    assert log.full(False, lambda: called.append(True))
    assert not log.full(True, lambda: called.append(True))
    while not called:
        assert room.standard.out
        room.loop.turn(1)
    assert called == [True]
