"""``grocker run --watch``: the container of the last build, replaced after each build that gives another image."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from grocker.cli import interrupt
from grocker.cli.terminal import Style
from grocker.command import HeldInterrupts

if TYPE_CHECKING:
    from grocker.cli.watch import Watch


_AGAIN = 0.5
"""seconds after which a container that still runs is stopped again"""


class WatchedContainer:
    """A container that an engine's command line runs, with a name of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._engine = ""
        self._client: subprocess.Popen[bytes] | None = None

    def start(self, line: Sequence[str]) -> None:
        """Start it with ``docker run …``, in a session of its own: Ctrl-C is not for it."""
        self._engine = line[0]
        interrupts = HeldInterrupts()
        try:
            interrupts.hold()
            self._client = subprocess.Popen(line, stdin=subprocess.DEVNULL, start_new_session=True)
        finally:
            interrupts.release()

    def stop(self) -> None:
        """Stop it as the engine does, TERM first, and wait until it is removed and its ports are free.

        Does nothing if it was never started.
        """
        if self._client is None:
            return
        while True:
            # It may have ended by itself, which is no error here; or not have started yet.
            subprocess.run([self._engine, "stop", self._name], capture_output=True, check=False)
            try:
                self._client.wait(_AGAIN)
            except subprocess.TimeoutExpired:
                continue
            return


def run_watched(watch: Watch, line_of: Callable[[str], Sequence[str]], image: str) -> NoReturn:
    """Run ``image``, and each new image in its place, until KeyboardInterrupt.

    ``line_of``: makes the engine's command line for an image, whose name changes with the project's version.
    """
    style = Style.of(sys.stderr, os.environ)
    name = f"grocker-watch-{os.getpid()}"
    container = WatchedContainer(name)

    def start(image: str) -> None:
        engine, command, *rest = line_of(image)
        container.start([engine, command, "--name", name, *rest])

    try:
        start(image)
        while True:
            before = watch.digest
            built = watch.next()
            if built.digest == before:
                continue
            sys.stderr.write(f"{style.dim(f'restarting with {built.names[0]}')}\n")
            container.stop()
            start(built.delivered[0].place)
    except KeyboardInterrupt:
        interrupt.acknowledge()  # stopping takes as long as the engine gives the container
        raise
    finally:
        container.stop()
