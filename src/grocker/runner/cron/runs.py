"""Runs of jobs: when one starts, what it says, how it ends, what follows from that. Contract: K3, K4."""

from __future__ import annotations

import os
import time
from functools import partial

from ..base.c_modules import signal
from ..base.failure import Failure, reason, warn
from ..base.value import TYPE_CHECKING
from ..process.child import reap, status_of
from .job import Job, Run, Stream
from .job_process import SHORTAGES, Limits, kill, spawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..process.loop import Loop
    from .log import Log
    from .messenger import Messenger

GRACE = 5.0  # seconds between TERM and KILL
_POLL = 0.05  # seconds; nobody tells when a group has become empty
_GIVE_UP = 2.0  # seconds after KILL
_BLOCK = 1 << 16  # bytes, what a pipe holds: after a turn of this another job has its turn
_LAST_BLOCKS = 32  # read at the end of a run; whoever still writes then has a turn like the others
_LEFT_OPEN = 64  # pipes of processes that jobs left behind
_QUEUE = 100  # runs that wait, of one job
_HELD = 60.0  # seconds that a run waits for processes or descriptors
_RETRY_FIRST, _RETRY_LONGEST = 1.0, 60.0  # seconds before the first retry, doubled each time
_TAIL = 16 << 10  # bytes of output in a mail


class Runs:
    """The processes of all jobs. ``environ``: of every job; ``mask``: signals that they shall have blocked."""

    def __init__(
        self, loop: Loop, log: Log, messenger: Messenger, environ: Mapping[str, str], mask: set[int], home: str
    ) -> None:
        self._loop = loop
        self._log = log
        self._messenger = messenger
        self._environ = environ
        self._mask = mask
        self._home = home
        self._limits = Limits()
        self._leaders: dict[int, tuple[Job, Run]] = {}
        self._ending: list[tuple[Job, Run]] = []
        self._held: list[tuple[Job, float]] = []
        self._left: list[tuple[Run, Stream]] = []  # pipes that were not closed when a run ended
        self._short = 0.0  # when there was no room last, monotonic
        self._paused: list[Stream] = []  # not read while the log is full
        self._stopping = False
        self.killed = False
        """whether a job had to be killed because the stop time was over"""

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return bool(self._leaders or self._ending)

    @property
    def paused(self) -> bool:
        """Whether there may be output that the log had no room for."""
        return bool(self._paused)

    def due(self, job: Job) -> None:
        """An instant of the job has come."""
        if self._stopping:
            return
        if job.retry is not None:
            job.retry.call_off()
            job.retry = None
            self._say(job, 0, "retry left out: the next run is due", error=True)
            self._report(job, job.last_run, failed=True)
        if not job.running:
            self._begin(job)
            return
        policy = job.entry.policy.overlap
        if policy == "queue" and job.queued < _QUEUE:
            job.queued += 1
            self._say(job, self._pid(job), f"queued: still running, {job.queued} waiting")
        elif policy == "kill" and job.run is not None:
            job.replacing = True
            self._end(job, job.run, "the next run is due")
        else:
            job.skips += 1
            why = f"{_QUEUE} waiting already" if policy == "queue" else "still running"
            self._say(job, self._pid(job), f"skipped: {why}", error=True)

    def _pid(self, job: Job) -> int:
        return job.run.process.pid if job.run is not None else 0

    def _begin(self, job: Job) -> None:
        job.attempt = 0
        job.runs += 1
        self._attempt(job, time.monotonic() + _HELD)

    def _attempt(self, job: Job, latest: float) -> None:
        """Starts the process; when there is no room for one, later."""
        job.retry = None
        environ = {**self._environ, "SHELL": "/bin/sh", **job.entry.variables.mapping()}
        environ["LOGNAME"] = self._environ["LOGNAME"]  # crontab(5): may not be overridden
        job.last_start = time.time()
        started = time.monotonic()
        try:
            process = spawn(job.entry.command, job.entry.stdin, environ, self._mask, self._limits, home=self._home)
        except Failure as failure:
            self._over(job, None, failure.status, 0.0, failure.message)
            return
        except OSError as error:
            if error.errno in SHORTAGES and started < latest and not self._stopping:
                self._hold(job, latest, error)
            else:
                self._over(job, None, 126, 0.0, f"no process can be started: {reason(error)}")
            return
        job.held = False
        run = job.run = Run(process, started)
        self._leaders[process.pid] = (job, run)
        self._say(job, process.pid, f"started, line {job.entry.line}")
        self._listen(job, run, environ)
        if job.entry.policy.timeout is not None:
            limit = job.entry.policy.timeout
            run.limit = self._loop.after(limit, lambda: self._end(job, run, f"time limit of {limit:g} s"))

    def _hold(self, job: Job, latest: float, error: OSError) -> None:
        now = time.monotonic()
        if now - self._short > _HELD:
            warn(
                f"cron: {reason(error)}: jobs wait until others end: raise the engine's limits (--pids-limit, --ulimit)"
            )
        self._short = now
        if not self._held:
            self._loop.after(1.0, self._again)
        job.held = True
        self._held.append((job, latest))

    def _again(self) -> None:
        """Those that were held, in their order, as far as there is room now."""
        waiting, self._held = self._held, []
        for place, (job, latest) in enumerate(waiting):
            if self._held and time.monotonic() < latest:
                self._held += waiting[place:]
                return
            self._attempt(job, latest)

    def _listen(self, job: Job, run: Run, environ: Mapping[str, str]) -> None:
        keep = self._messenger.mails and bool(environ.get("MAILTO"))
        for descriptor, error in ((run.process.out, False), (run.process.err, True)):
            stream = Stream(descriptor, error=error)
            run.open[descriptor] = stream
            self._loop.watch(descriptor, partial(self._read, job, run, stream, keep))

    def _read(self, job: Job, run: Run, stream: Stream, keep: bool) -> bool:
        """Passes on a block of output; whether there may be more at once."""
        try:
            data = os.read(stream.descriptor, _BLOCK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        run.noisy = run.noisy or (stream.error and bool(data))
        self._pass_on(job, run, stream, stream.lines.take(data) if data else stream.lines.end(), keep)
        if not data:
            self._close(run, stream)
            return False
        if stream in self._paused:
            return False

        def resume() -> None:
            self._paused.remove(stream)
            if run.open.get(stream.descriptor) is stream:
                self._loop.watch(stream.descriptor, partial(self._read, job, run, stream, keep))

        if self._log.full(stream.error, resume):
            self._loop.forget_reader(stream.descriptor)
            self._paused.append(stream)
            return False
        return True

    def _pass_on(self, job: Job, run: Run, stream: Stream, lines: list[bytes], keep: bool) -> None:
        if not lines:
            return
        self._log.job(job.name, run.process.pid, stream.error, lines)
        if keep:
            run.tail += b"".join(line + b"\n" for line in lines)
            del run.tail[:-_TAIL]

    def _close(self, run: Run, stream: Stream) -> None:
        del run.open[stream.descriptor]
        self._loop.forget(stream.descriptor)
        os.close(stream.descriptor)

    def reap(self) -> None:
        """Takes the children that have ended, whoever they were."""
        while True:
            pid, wait_status = reap()
            if pid == 0:
                break
            if pid in self._leaders:
                job, run = self._leaders.pop(pid)
                run.status = status_of(wait_status)
                self._ended(job, run)

    def _ended(self, job: Job, run: Run) -> None:
        if run.limit is not None:
            run.limit.call_off()
        keep = self._messenger.mails
        for stream in list(run.open.values()):
            for _ in range(_LAST_BLOCKS):
                if not self._read(job, run, stream, keep):
                    break
            self._pass_on(job, run, stream, stream.lines.end(), keep)
        if run.why:
            if (job, run) not in self._ending:
                self._ending.append((job, run))
            self._look_at_group(job, run)
        else:
            self._finish(job, run)

    def _end(self, job: Job, run: Run, why: str) -> None:
        """Asks the run's whole group to end, and sees to it that it does."""
        if run.why:
            return
        run.why = why
        run.ending = time.monotonic() + GRACE
        kill(run.process.pid, signal.SIGTERM)
        kill(run.process.pid, signal.SIGCONT)
        self._ending.append((job, run))
        self._loop.after(_POLL, lambda: self._look_at_group(job, run))

    def _look_at_group(self, job: Job, run: Run) -> None:
        if (job, run) not in self._ending:
            return
        there = kill(run.process.pid, 0)
        now = time.monotonic()
        # Not from the time that it had: while the container is paused, that passes.
        in_vain = run.kill_sent is not None and now > run.kill_sent + _GIVE_UP
        if run.status is not None and (not there or in_vain):
            self._ending.remove((job, run))
            self._finish(job, run)
            return
        if now >= run.ending:
            if run.kill_sent is None:
                run.kill_sent = now
            kill(run.process.pid, signal.SIGKILL)
        self._loop.after(_POLL, lambda: self._look_at_group(job, run))

    def _finish(self, job: Job, run: Run) -> None:
        assert run.status is not None
        self._left += [(run, stream) for stream in run.open.values()]
        self._left = [(owner, stream) for owner, stream in self._left if owner.open.get(stream.descriptor) is stream]
        while len(self._left) > _LEFT_OPEN:
            self._close(*self._left.pop(0))
        job.run, job.last_run = None, run
        self._over(job, run, run.status, time.monotonic() - run.started, run.why)

    def _over(self, job: Job, run: Run | None, status: int, duration: float, why: str) -> None:
        """The end of an attempt, which may not even have become a process."""
        job.held = False
        pid = run.process.pid if run is not None else 0
        noisy = run is not None and run.noisy and job.entry.policy.stderr_fails
        failed = bool(status or why or noisy)
        job.last_status, job.last_duration = status, duration
        reasons = [why] if why else []
        reasons += ["something on stderr"] if noisy and not why else []
        left = run is not None and not run.why and bool(run.open) and kill(pid, 0)
        self._say(
            job,
            pid,
            f"{'failed' if failed else 'ended'}: {', '.join([*reasons, _status(status)])}, {duration:.3f} s"
            + (", processes left in the background" if left else ""),
            error=failed,
        )
        if failed and job.attempt < job.entry.policy.retries and not (self._stopping or job.replacing or job.queued):
            delay = min(_RETRY_FIRST * 2**job.attempt, _RETRY_LONGEST)
            job.attempt += 1
            job.retries += 1
            self._say(job, 0, f"retry {job.attempt} of {job.entry.policy.retries} in {delay:g} s")
            job.retry = self._loop.after(delay, lambda: self._attempt(job, time.monotonic() + _HELD))
            return
        self._report(job, run, failed=failed)
        self._next(job)

    def _report(self, job: Job, run: Run | None, *, failed: bool) -> None:
        if failed:
            job.failures += 1
            mailto = self._variable(job, "MAILTO")
            if mailto and self._messenger.mails:
                tail = bytes(run.tail) if run is not None else b""
                self._messenger.mail(job, mailto, self._variable(job, "MAILFROM"), tail)
        else:
            job.last_success = time.time()
            if job.entry.policy.heartbeat is not None:
                self._messenger.heartbeat(job.name, job.entry.policy.heartbeat)

    def _variable(self, job: Job, name: str) -> str:
        return job.entry.variables.mapping().get(name, self._environ.get(name, ""))

    def _next(self, job: Job) -> None:
        if self._stopping:
            return
        if job.replacing or job.queued:
            job.queued -= 0 if job.replacing else 1
            job.replacing = False
            self._begin(job)
        elif self._held:
            self._loop.after(0.0, self._again)

    def stop(self, jobs: Sequence[Job]) -> None:
        """Nothing is started any more; what waited for room, for another's end or for a retry will not be."""
        self._stopping = True
        self._held = []
        for job in jobs:
            waiting = job.queued + job.replacing + job.held
            if waiting:
                self._say(job, 0, f"{waiting} waiting, not started: the container stops", error=True)
            if job.retry is not None:
                job.retry.call_off()
                job.retry = None
                self._say(job, 0, "not tried again: the container stops", error=True)
                self._report(job, job.last_run, failed=True)
            job.queued, job.replacing, job.held = 0, False, False

    def kill(self) -> None:
        """The stop time is over."""
        for job, run in [*self._leaders.values(), *self._ending]:
            if not self.killed:
                warn("cron: jobs not ended in the stop time are killed: GROCKER_STOP_TIMEOUT sets it")
            self.killed = True
            run.why = run.why or "killed, the stop time is over"
            run.ending = 0.0
            kill(run.process.pid, signal.SIGKILL)
            if (job, run) not in self._ending:
                self._ending.append((job, run))

    def _say(self, job: Job, pid: int, text: str, *, error: bool = False) -> None:
        self._log.job(job.name, pid, error, [text.encode("utf-8", "surrogateescape")])


def _status(status: int) -> str:
    if status > 128:
        from signal import Signals

        try:
            return Signals(status - 128).name
        except ValueError:
            pass
    return f"status {status}"
