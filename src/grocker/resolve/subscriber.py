"""The facts that resolving announces while it is still running, for work that can start early."""

from __future__ import annotations

from typing import Protocol

from grocker.lock.answers import DebianAnswer
from grocker.platforms.target import Target


class Subscriber(Protocol):
    """Hears facts as soon as they are known. Any thread may call; nothing here may block or raise."""

    def backend_started(self) -> None:
        """A back end runs, and this process only waits for it."""

    def debian_resolved(self, image: DebianAnswer, compiling: Target) -> None:
        """The image's packages are known. ``compiling``: the target whose interpreter compiles, this host's."""

    def interpreter_resolved(self, packages: DebianAnswer, compiling: Target) -> None:
        """The packages whose interpreter compiles are known: the image's own, unless it is for another architecture."""


class NoSubscriber:
    """A subscriber that starts nothing early: for commands that build no layers."""

    def backend_started(self) -> None:
        """See Subscriber.backend_started."""

    def debian_resolved(self, image: DebianAnswer, compiling: Target) -> None:
        """See Subscriber.debian_resolved."""

    def interpreter_resolved(self, packages: DebianAnswer, compiling: Target) -> None:
        """See Subscriber.interpreter_resolved."""
