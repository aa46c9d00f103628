"""Runs programs of the host. The only place that starts one, so that every failure names its action."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grocker.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class Output:
    """What a program left behind."""

    status: int
    """exit status; -N when signal N ended it"""
    stdout: bytes
    stderr: str


def run(
    arguments: Sequence[str | Path],
    *,
    action: str,
    environment: Mapping[str, str],
    directory: Path | None = None,
    stdin: bytes = b"",
    hint: str | None = None,
) -> Output:
    """Run a program to its end and return what it said; its status is the caller's to judge.

    ``action``: what is being done, for the error ("building the project's wheel").
    ``environment``: the program's whole environment; nothing is inherited. The umask is 022.
    ``hint``: the remedy when the program does not exist.
    Raises UnavailableError when the program cannot be started.
    """
    try:
        done = subprocess.run(
            [str(a) for a in arguments],
            input=stdin,
            capture_output=True,
            cwd=directory,
            env=dict(environment),
            check=False,
            umask=0o022,
        )
    except OSError as error:
        raise UnavailableError(f"{action}: cannot start {arguments[0]}: {error.strerror}", hint=hint) from error
    return Output(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))
