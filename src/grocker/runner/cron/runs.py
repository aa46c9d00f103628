"""Runs of jobs: starting, output, end, retries and reports. Contract: K3, K4."""

from __future__ import annotations

import os
import time
from functools import partial

from ..base.failure import NOT_EXECUTABLE, Failure, reason, warn
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import GROCKER_STOP_TIMEOUT
from ..process.child import exit_status, reap
from ..process.process_group import GIVE_UP, GroupEnd
from ..process.signals import killing_signal, signal_group
from .job import Job, JobRun, OutputStream
from .job_process import SHORTAGES, DescriptorLimit, spawn_job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from ..process.loop import Loop
    from .messenger import Messenger

    class JobLog(Protocol):
        """What runs need from the log: ``log.Log`` has it."""

        def job(self, job: str, pid: int, error: bool, lines: Sequence[bytes]) -> None:
            """Log lines that belong together, without line ends, of any bytes. ``pid``: 0 for none."""

        def full(self, error: bool, resume: Callable[[], None]) -> bool:
            """Whether to stop reading output for now; ``resume`` is then called once, when to continue."""


_BLOCK = 1 << 16  # bytes, what a pipe holds; then other jobs get their turn
_LAST_BLOCKS = 32  # read at the end of a run; what still writes then gets turns like other jobs
_LEFT_OPEN = 64  # pipes of processes that jobs left behind
_QUEUE = 100  # waiting runs of one job
_TAIL = 16 << 10  # bytes of output in a mail


class RunTiming(Value):
    """Seconds. ``grace``: between SIGTERM and SIGKILL; ``give_up``: after SIGKILL; ``shortage``: how long a run waits
    for a process or descriptors; ``first_retry``: before a retry, doubled each time up to ``longest_retry``.
    """

    grace: float = 5.0
    give_up: float = GIVE_UP
    shortage: float = 60.0
    first_retry: float = 1.0
    longest_retry: float = 60.0


class Runs:
    """The processes of all jobs. ``environ``: of every job; ``mask``: signals to block in them; ``home``: absolute.

    ``directory``: where jobs with the HOME ``home`` start, None for ``home`` itself.
    """

    def __init__(
        self,
        loop: Loop,
        log: JobLog,
        messenger: Messenger,
        environ: Mapping[str, str],
        mask: set[int],
        home: str,
        *,
        directory: str | None = None,
        timing: RunTiming = RunTiming(),  # noqa: B008 - frozen
    ) -> None:
        self._loop = loop
        self._log = log
        self._messenger = messenger
        self._environ = environ
        self._mask = mask
        self._home = home
        self._directory = directory
        self._timing = timing
        self._descriptor_limit = DescriptorLimit()
        self._leaders: dict[int, tuple[Job, JobRun]] = {}
        self._ending: list[tuple[Job, JobRun]] = []
        self._held: list[tuple[Job, float]] = []
        self._left: list[tuple[JobRun, OutputStream]] = []  # pipes still open when a run ended
        self._last_shortage = 0.0  # monotonic
        self._paused: list[OutputStream] = []  # not read while the log is full
        self._stopping = False
        self.killed = False
        """whether a job was killed because the stop timeout was over"""

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return bool(self._leaders or self._ending)

    @property
    def paused(self) -> bool:
        """Whether output waits until the log has room."""
        return bool(self._paused)

    def due(self, job: Job) -> None:
        """Run a job whose time has come, or handle the overlap."""
        if self._stopping:
            return
        if job.retry is not None:
            job.retry.cancel()
            job.retry = None
            self._say(job, 0, "retry dropped: the next run is due", error=True)
            self._report(job, job.last_run, failed=True)
        if not job.running:
            self._begin(job)
            return
        policy = job.entry.policy.overlap
        if policy == "queue" and job.queued < _QUEUE:
            job.queued += 1
            self._say(job, self._pid(job), f"queued: the previous run is still running, {job.queued} waiting")
        elif policy == "kill" and job.run is not None:
            job.replacing = True
            self._end(job, job.run, "the next run is due")
        else:
            job.skips += 1
            why = f"{_QUEUE} runs are waiting" if policy == "queue" else "the previous run is still running"
            self._say(job, self._pid(job), f"skipped: {why}", error=True)

    def _pid(self, job: Job) -> int:
        return job.run.process.pid if job.run is not None else 0

    def _begin(self, job: Job) -> None:
        job.attempt = 0
        job.runs += 1
        self._attempt(job, time.monotonic() + self._timing.shortage)

    def _attempt(self, job: Job, latest: float) -> None:
        """Start the process; later, when there is a shortage."""
        job.retry = None
        environ = {**self._environ, "SHELL": "/bin/sh", **job.entry.variables.mapping()}
        environ["LOGNAME"] = self._environ["LOGNAME"]  # crontab(5): cannot be overridden
        job.last_start = time.time()
        started = time.monotonic()
        try:
            process = spawn_job(
                job.entry.command,
                job.entry.stdin,
                environ,
                self._mask,
                self._descriptor_limit,
                home=self._home,
                directory=self._directory,
            )
        except Failure as failure:
            self._over(job, None, failure.status, 0.0, failure.message)
            return
        except OSError as error:
            if error.errno in SHORTAGES and started < latest and not self._stopping:
                self._hold(job, latest, error)
            else:
                self._over(job, None, NOT_EXECUTABLE, 0.0, f"cannot start a process: {reason(error)}")
            return
        job.held = False
        run = job.run = JobRun(process, started)
        self._leaders[process.pid] = (job, run)
        self._say(job, process.pid, f"started, line {job.entry.line}")
        self._listen(job, run, environ)
        if job.entry.policy.timeout is not None:
            timeout = job.entry.policy.timeout
            run.timeout = self._loop.after(timeout, lambda: self._end(job, run, f"timeout of {timeout:g} s"))

    def _hold(self, job: Job, latest: float, error: OSError) -> None:
        now = time.monotonic()
        if now - self._last_shortage > self._timing.shortage:
            warn(
                f"cron: {reason(error)}; jobs wait until others end; raise the engine's limits (--pids-limit, --ulimit)"
            )
        self._last_shortage = now
        if not self._held:
            self._loop.after(1.0, self._start_held)
        job.held = True
        self._held.append((job, latest))

    def _start_held(self) -> None:
        """Start runs that wait because of a shortage, in order, as far as possible now."""
        waiting, self._held = self._held, []
        for place, (job, latest) in enumerate(waiting):
            if self._held and time.monotonic() < latest:
                self._held += waiting[place:]
                return
            self._attempt(job, latest)

    def _listen(self, job: Job, run: JobRun, environ: Mapping[str, str]) -> None:
        keep = self._messenger.mails and bool(environ.get("MAILTO"))
        for descriptor, error in ((run.process.out, False), (run.process.err, True)):
            stream = OutputStream(descriptor, error=error)
            run.open[descriptor] = stream
            self._loop.watch(descriptor, partial(self._read, job, run, stream, keep))

    def _read(self, job: Job, run: JobRun, stream: OutputStream, keep: bool) -> bool:
        """Pass on a block of output; return whether there may be more right now."""
        try:
            data = os.read(stream.descriptor, _BLOCK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        run.stderr_used = run.stderr_used or (stream.error and bool(data))
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

    def _pass_on(self, job: Job, run: JobRun, stream: OutputStream, lines: list[bytes], keep: bool) -> None:
        if not lines:
            return
        self._log.job(job.name, run.process.pid, stream.error, lines)
        if keep:
            run.tail += b"".join(line + b"\n" for line in lines)
            del run.tail[:-_TAIL]

    def _close(self, run: JobRun, stream: OutputStream) -> None:
        del run.open[stream.descriptor]
        self._loop.forget(stream.descriptor)
        os.close(stream.descriptor)

    def reap(self) -> None:
        """Reap all children that have ended, including orphans."""
        while True:
            pid, wait_status = reap()
            if pid == 0:
                break
            if pid in self._leaders:
                job, run = self._leaders.pop(pid)
                run.status = exit_status(wait_status)
                self._ended(job, run)

    def _ended(self, job: Job, run: JobRun) -> None:
        if run.timeout is not None:
            run.timeout.cancel()
        keep = self._messenger.mails
        for stream in list(run.open.values()):
            for _ in range(_LAST_BLOCKS):
                if not self._read(job, run, stream, keep):
                    break
            self._pass_on(job, run, stream, stream.lines.end(), keep)
        if run.end is not None:
            run.end.check()
        else:
            self._finish(job, run)

    def _end(self, job: Job, run: JobRun, why: str) -> None:
        """Ask the run's whole process group to end, and make sure that it does."""
        if run.why:
            return
        run.why = why
        end = self._watch_end(job, run, time.monotonic() + self._timing.grace)
        end.terminate()
        end.check()

    def _watch_end(self, job: Job, run: JobRun, deadline: float) -> GroupEnd:
        def gone() -> None:
            self._ending.remove((job, run))
            self._finish(job, run)

        run.end = GroupEnd(
            self._loop,
            run.process.pid,
            deadline,
            leader_alive=lambda: run.status is None,
            on_gone=gone,
            give_up=self._timing.give_up,
        )
        self._ending.append((job, run))
        return run.end

    def _finish(self, job: Job, run: JobRun) -> None:
        assert run.status is not None
        self._left += [(run, stream) for stream in run.open.values()]
        self._left = [(owner, stream) for owner, stream in self._left if owner.open.get(stream.descriptor) is stream]
        while len(self._left) > _LEFT_OPEN:
            self._close(*self._left.pop(0))
        job.run, job.last_run = None, run
        self._over(job, run, run.status, time.monotonic() - run.started, run.why)

    def _over(self, job: Job, run: JobRun | None, status: int, duration: float, why: str) -> None:
        """Handle the end of an attempt, which may not even have started a process."""
        job.held = False
        pid = run.process.pid if run is not None else 0
        used_stderr = run is not None and run.stderr_used and job.entry.policy.stderr_fails
        failed = bool(status or why or used_stderr)
        job.last_status, job.last_duration = status, duration
        reasons = [why] if why else []
        reasons += ["output on stderr"] if used_stderr and not why else []
        left = run is not None and not run.why and bool(run.open) and signal_group(pid, 0)
        self._say(
            job,
            pid,
            f"{'failed' if failed else 'succeeded'}: {', '.join([*reasons, _describe(status)])}, {duration:.3f} s"
            + (", background processes are still running" if left else ""),
            error=failed,
        )
        if failed and job.attempt < job.entry.policy.retries and not (self._stopping or job.replacing or job.queued):
            delay = min(self._timing.first_retry * 2**job.attempt, self._timing.longest_retry)
            job.attempt += 1
            job.retries += 1
            self._say(job, 0, f"retry {job.attempt} of {job.entry.policy.retries} in {delay:g} s")
            job.retry = self._loop.after(delay, lambda: self._attempt(job, time.monotonic() + self._timing.shortage))
            return
        self._report(job, run, failed=failed)
        self._next(job)

    def _report(self, job: Job, run: JobRun | None, *, failed: bool) -> None:
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
            self._loop.after(0.0, self._start_held)

    def stop(self, jobs: Sequence[Job]) -> None:
        """Start nothing any more; drop runs that wait for a shortage, for a previous run or for a retry."""
        self._stopping = True
        self._held = []
        for job in jobs:
            waiting = job.queued + job.replacing + job.held
            if waiting:
                self._say(job, 0, f"runs dropped because the container is stopping: {waiting}", error=True)
            if job.retry is not None:
                job.retry.cancel()
                job.retry = None
                self._say(job, 0, "retry dropped: the container is stopping", error=True)
                self._report(job, job.last_run, failed=True)
            job.queued, job.replacing, job.held = 0, False, False

    def kill(self) -> None:
        """Kill all jobs, when the stop timeout is over."""
        now = time.monotonic()
        for job, run in [*self._leaders.values(), *self._ending]:
            if not self.killed:
                warn(f"cron: jobs did not finish in time, killed; set {GROCKER_STOP_TIMEOUT} to give them more time")
            self.killed = True
            run.why = run.why or "killed after the stop timeout"
            end = run.end or self._watch_end(job, run, now)
            end.deadline = min(end.deadline, now)
            end.check()

    def _say(self, job: Job, pid: int, text: str, *, error: bool = False) -> None:
        self._log.job(job.name, pid, error, [text.encode("utf-8", "surrogateescape")])


def _describe(status: int) -> str:
    return killing_signal(status) or f"status {status}"
