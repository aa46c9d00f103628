"""Try one application: plain build, start without a network, wait for readiness, ask its page."""

from __future__ import annotations

import enum
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tools.corpus import servers
from tools.corpus.applications import Application, CloneError, clone

ENGINES = ("docker", "podman")
_BUILD_SECONDS = 1800
_START_SECONDS = 120
_PREPARE_SECONDS = 900
_PYTHON = "/opt/venv/bin/python"
_ASK = (Path(__file__).parent / "ask.py").read_text("utf-8")
# podman's defaults exceed what root may set inside a container.
_ULIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
_SETTING = re.compile(
    r"ImproperlyConfigured|ValidationError|Field required|UndefinedValueError|environment variable|must be set|"
    r"(?:Connection|connection) refused|could not translate host name|Name or service not known|"
    r"Temporary failure in name resolution|KeyError: '[A-Z][A-Z0-9_]{3,}'|no such table|[Cc]onfiguration file"
)
"""what a log says when an application lacks a setting, a database or another server"""
_FATAL = re.compile(r"^(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Configured|NotFound|Missing|Exit)\b")
"""the last line of a traceback"""


class Outcome(enum.StrEnum):
    """What became of an application."""

    ANSWERS = "answers"
    CONFIGURATION = "wants its configuration"
    NO_IMAGE = "no image"
    DIES = "dies"
    FAILS = "fails"


class Result(msgspec.Struct, frozen=True):
    """The outcome of a trial."""

    name: str
    outcome: Outcome
    detail: str = ""
    """the line that says why"""


def find_engine(names: Sequence[str]) -> tuple[str, ...]:
    """Return the command line of the first engine that answers. Raises SystemExit if none does."""
    for name in names:
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
            as_root = name == "podman" and os.geteuid() == 0 and shutil.which("runc")
            return (name, "--runtime", "runc") if as_root else (name,)
    raise SystemExit(f"error: no answer from {' or '.join(names)}\nhint: start docker")


def try_application(application: Application, program: Sequence[str], mirror: Path | None) -> Result:
    """Build, start and ask ``application``. ``program``: the engine's command line."""
    unique = f"grocker-corpus-{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="corpus-", dir="/var/tmp") as place:
        source = application.release
        if not source:
            try:
                source = str(clone(application, Path(place, application.name), mirror))
            except CloneError as error:
                return Result(application.name, Outcome.NO_IMAGE, str(error))
        command = [sys.executable, "-m", "grocker", "build", source, "-t", unique, "-o", program[0]]
        try:
            built = _run(command, _BUILD_SECONDS, place)  # the name of a release may resemble a directory elsewhere
            if built.returncode:
                return Result(application.name, Outcome.NO_IMAGE, f"{built.returncode}: {first_error(built.stderr)}")
            ulimits = _ULIMITS if program[0] == "podman" else ()
            with servers.started(application.needs, program, f"{unique}-servers", Path(place), ulimits) as network:
                try:
                    return _start(application, program, unique, Path(place), network)
                finally:
                    _run([*program, "rm", "--force", "--volumes", unique])
        except RuntimeError as error:
            return Result(application.name, Outcome.FAILS, str(error))
        except subprocess.TimeoutExpired as error:
            return Result(application.name, Outcome.FAILS, f"{error.cmd[-1]}: no end after {error.timeout:.0f} s")
        finally:
            _run([*program, "rm", "--force", "--volumes", unique])
            _run([*program, "rmi", "--force", unique])


def _start(application: Application, program: Sequence[str], name: str, place: Path, network: str) -> Result:
    options = ["--detach", "--name", name, "--network", network, *(_ULIMITS if program[0] == "podman" else ())]
    options += [word for key, value in sorted(application.env.items()) for word in ("--env", f"{key}={value}")]
    if application.ini:
        (place / "config" / "app").mkdir(parents=True)
        (place / "config" / "app" / "90_corpus.ini").write_text(application.ini, "utf-8")
        place.chmod(0o755)
        options += ["--volume", f"{place}/config:/config"]
    for number, (path, text) in enumerate(sorted(application.files.items())):
        (place / f"file-{number}").write_text(text, "utf-8")
        (place / f"file-{number}").chmod(0o644)
        place.chmod(0o755)
        options += ["--volume", f"{place}/file-{number}:{path}:ro"]
    started = _run([*program, "run", *options, name, *application.arguments])
    if started.returncode:
        return Result(application.name, Outcome.DIES, first_error(started.stderr))
    found = Result(application.name, Outcome.DIES)
    limit = time.monotonic() + _START_SECONDS
    prepared = not application.first
    page = (1, "")
    while time.monotonic() < limit:
        running = _run([*program, "inspect", "--format", "{{.State.Running}}", name]).stdout.strip() == "true"
        if not running:
            return _ended(application, program, name)
        if application.get and (page := _ask(program, name, application.get))[0] >= 100:
            if prepared:
                break
            for words in application.first:
                done = _run([*program, "exec", name, *words], _PREPARE_SECONDS)
                if done.returncode:
                    return Result(application.name, Outcome.FAILS, f"{' '.join(words)}: {last_line(done.stderr)}")
            prepared = True
            limit = time.monotonic() + _START_SECONDS
        time.sleep(1)
    status, body = page
    logs = _logs(program, name)
    if 100 <= status < 400 and application.says in body:
        return msgspec.structs.replace(found, outcome=Outcome.ANSWERS)
    outcome, line = judge_log(logs)
    if outcome is Outcome.CONFIGURATION:
        return msgspec.structs.replace(found, outcome=outcome, detail=line)
    return msgspec.structs.replace(found, outcome=Outcome.FAILS, detail=_failure(status, body, line))


def _failure(status: int, body: str, line: str) -> str:
    """Say how a page differs from the expected one."""
    if not 100 <= status < 400:
        return f"{f'status {status}' if status >= 400 else 'no answer'}: {line}"
    title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", body, re.DOTALL | re.IGNORECASE)
    return f"another page: {title[1] if title else body[:60].strip()!r}"


def _ended(application: Application, program: Sequence[str], name: str) -> Result:
    """Judge a container that has ended."""
    status = _run([*program, "inspect", "--format", "{{.State.ExitCode}}", name]).stdout.strip()
    logs = _logs(program, name)
    if not application.get and status == "0" and application.says in logs:
        return Result(application.name, Outcome.ANSWERS)
    outcome, line = judge_log(logs)
    return Result(application.name, outcome, f"{status}: {line}")


def _ask(program: Sequence[str], name: str, path: str) -> tuple[int, str]:
    """Return status and body of a page on port 8080; status 0 if nothing answers."""
    done = _run([*program, "exec", name, _PYTHON, "-c", _ASK, "8080", path])
    first, _, body = done.stdout.partition("\n")
    return (int(first), body) if done.returncode == 0 and first.isdigit() else (0, done.stderr)


def _logs(program: Sequence[str], name: str) -> str:
    done = _run([*program, "logs", name])
    return done.stdout + done.stderr


def _run(
    command: Sequence[str], seconds: float = 300, directory: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )


def first_error(text: str) -> str:
    """Return the first line of an error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = next((line for line in lines if line.startswith(("error:", "Error:"))), "")
    return found or (lines[-1] if lines else "no output")


def last_line(text: str) -> str:
    """Return the last line that says why: a traceback's end, else the last line that is not the runner's."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if _FATAL.match(line)]
    said = fatal or [line for line in lines if not line.startswith("grocker: ")] or lines
    return said[-1] if said else "no output"


def judge_log(text: str) -> tuple[Outcome, str]:
    """Tell from the log of an application that does not work whether it lacks its configuration, and the line."""
    line = last_line(text)
    return (Outcome.CONFIGURATION if _SETTING.search(line) else Outcome.DIES), line
