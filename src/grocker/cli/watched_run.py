"""``grocker run --watch``: the container of the last build, replaced after each build that gives another image."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from grocker.cli.terminal import Style

if TYPE_CHECKING:
    from grocker.cli.watch import Watch


class RunningContainer:
    """A container that the engine's command line runs, in a session of its own: Ctrl-C is not for it."""

    def __init__(self, line: Sequence[str], name: str) -> None:
        """``line``: ``docker run …`` with ``name`` as the container's name."""
        self._engine, self._name = line[0], name
        self._client = subprocess.Popen(line, stdin=subprocess.DEVNULL, start_new_session=True)

    def stop(self) -> None:
        """Stop it as the engine does, TERM first, and wait until it is removed and its ports are free."""
        # It may have ended by itself, which is no error here.
        subprocess.run([self._engine, "stop", self._name], capture_output=True, check=False)
        self._client.wait()


def run_watched(watch: Watch, line: Sequence[str]) -> NoReturn:
    """Run the engine's command line ``line``, and again with each new image, until KeyboardInterrupt."""
    style = Style.of(sys.stderr, os.environ)
    name = f"grocker-watch-{os.getpid()}"
    at = line.index("run") + 1
    named = [*line[:at], "--name", name, *line[at:]]
    container = RunningContainer(named, name)
    try:
        while True:
            before = watch.digest
            built = watch.next()
            if built.digest == before:
                continue
            sys.stderr.write(f"{style.dim(f'starting {built.names[0]} again')}\n")
            container.stop()
            container = RunningContainer(named, name)
    finally:
        container.stop()
