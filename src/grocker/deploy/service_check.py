"""Start a service of an image in an engine and wait until it is ready, for ``grocker build --check``."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence

from grocker.command import run
from grocker.deploy.engine_run import EngineName
from grocker.errors import SettingsError, UnavailableError
from grocker.progress import Progress
from grocker.regex import regex
from grocker.runner.contract import names

_SECONDS = 120
_SHOWN = 8
"""lines of the log"""
_INTERVAL = 0.5
_EXCEPTION = regex(r"([^\W\d]\w*(\.(<locals>|[^\W\d]\w*))+|[A-Z]\w*[a-z]\w*)(:|$)")
"""a traceback's last line: the exception's type, and its message if it has one; not ``INFO:`` or ``grocker:``"""


def check_service(
    engine: EngineName,
    image: str,
    service: str,
    *,
    variables: Sequence[str],
    environment: Mapping[str, str],
    progress: Progress,
) -> None:
    """Start ``service`` in a container of its own and remove it again once the service is ready (contract, H1).

    ``variables``: of the container, NAME=VALUE or NAME; ``environment``: the engine's own. Raises SettingsError with
    the end of the log if the service does not become ready, UnavailableError if the engine does not start it.
    """
    name = f"grocker-check-{uuid.uuid4().hex[:12]}"

    def ask(*words: str) -> tuple[int, str]:
        done = run([engine, *words], action=f"checking the service {service}", environment=environment)
        return done.status, done.stdout.decode("utf-8", "replace") + done.stderr

    options = [word for variable in variables for word in ("--env", variable)]
    with progress.task(f"starting the service {service}"):
        try:
            status, said = ask("run", "--detach", "--name", name, *options, image, "start", service)
            if status:
                raise UnavailableError(
                    f"checking the service {service}: {engine} run: {_last(said)}", hint=f"try it: {engine} info"
                )
            limit = time.monotonic() + _SECONDS
            while ask("exec", name, names.RUNNER, "health", "--ready")[0]:
                is_running = ask("inspect", "--format", "{{.State.Running}}", name)[1].strip() == "true"
                if not is_running or time.monotonic() > limit:
                    why = f"was not ready within {_SECONDS} s" if is_running else "stopped"
                    raise SettingsError(
                        f"the image is built, but the service {service} {why}:\n{end_of_log(ask('logs', name)[1])}",
                        hint="if it lacks its configuration, pass it: grocker build --check --env NAME=VALUE",
                    )
                time.sleep(_INTERVAL)
        finally:
            ask("rm", "--force", "--volumes", name)


def end_of_log(text: str) -> str:
    """Return the end of the last traceback in a log, or else its last lines, indented.

    Unindented lines of other processes within the traceback are left out.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    if starts:
        after = lines[starts[-1] + 1 :]
        outer = [number for number, line in enumerate(after) if not line.startswith(" ")]
        end = next((number for number in outer if _EXCEPTION.match(after[number])), outer[0] if outer else len(after))
        lines = [line for line in after[:end] if line.startswith(" ")] + after[end : end + 1]
    return "\n".join(f"  {line}" for line in lines[-_SHOWN:]) or "  no output"


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]
