"""What compiles sdists, as the builder of their wheels sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from grocker.python.bytecode import Compiler
from grocker.python.target import WheelTarget


class BuildRoot:
    """The root of a sandbox that has a compiler, the image's interpreter, and their headers."""

    def __init__(self, tree: Path | Callable[[], Path], key: str) -> None:
        """``tree``: what makes it, if it is not there yet: hundreds of megabytes that a kept wheel does not need."""
        self._tree = tree
        self.key = key
        """changes with its packages"""

    @property
    def tree(self) -> Path:
        """Its directory. Raises what making it raises."""
        if not isinstance(self._tree, Path):
            self._tree = self._tree()
        return self._tree


class Toolchain(Protocol):
    """Gives roots to compile in, for one image."""

    @property
    def target(self) -> WheelTarget:
        """What compiled wheels are for."""

    @property
    def refusal(self) -> str:
        """Why this host cannot compile for the target; empty if it can."""

    def suggest(self) -> str:
        """Return what would let this host compile for the target, in the imperative."""

    def compose(self, packages: Sequence[str]) -> BuildRoot:
        """Return a root with these Debian packages besides the compiler and those that the settings name."""

    def native_compiler(self) -> Compiler | None:
        """Return what compiles bytecode for roots whose own interpreter is emulated; None where it is not."""

    def compose_pure(self, packages: Sequence[str]) -> tuple[BuildRoot, WheelTarget]:
        """Return a root with these packages and the image's interpreter for this host's architecture, and no compiler.

        Also what wheels are for that the interpreter can use.
        """

    def find_packages(self, header: str) -> tuple[str, ...]:
        """Return the Debian packages that install a header, as it stands in ``#include``; none if that is not known."""

    def find_libraries(self, wheel: Path, root: BuildRoot) -> tuple[str, ...]:
        """Return the Debian packages in ``root`` that the wheel's compiled modules need and not every image has."""
