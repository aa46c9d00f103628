"""The image's interpreter and platform, and where the image keeps Python things: values."""

from __future__ import annotations

import msgspec

from grocker.errors import SettingsError
from grocker.runner.contract.names import VENV

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's architecture → the kernel's machine, which platform tags and markers use."""

ELF_MACHINES = {"amd64": 62, "arm64": 183}
"""Debian's architecture → ``e_machine`` (ELF specification)."""

ARCHITECTURES = {machine: architecture for architecture, machine in MACHINES.items()}
"""The kernel's machine → Debian's architecture."""


class Target(msgspec.Struct, frozen=True):
    """The platform that wheels are chosen for: the image's, never the host's."""

    python: str
    """the minor version: ``3.13``"""
    architecture: str = "amd64"
    """Debian's name: ``amd64``, ``arm64``"""
    glibc: tuple[int, int] = (2, 41)
    """the C library's version in the image"""
    full_version: str = ""
    """``3.13.5``, for markers; ``python`` followed by ``.0`` when it is not known"""
    implementation: str = "cp"
    """the tag's prefix; CPython is the only one"""

    def __post_init__(self) -> None:
        if self.architecture not in MACHINES:
            raise SettingsError(
                f"choosing wheels: no such architecture: {self.architecture}",
                hint="architectures: " + ", ".join(sorted(MACHINES)),
            )

    @property
    def machine(self) -> str:
        """``x86_64``, ``aarch64``"""
        return MACHINES[self.architecture]

    @property
    def version_info(self) -> tuple[int, int]:
        """(3, 13)"""
        major, minor = self.python.split(".")[:2]
        return int(major), int(minor)

    @property
    def full(self) -> str:
        """The full version for markers."""
        return self.full_version or self.python + ".0"

    def __str__(self) -> str:
        return f"Python {self.python} on {self.architecture} (glibc {self.glibc[0]}.{self.glibc[1]})"


class Layout(msgspec.Struct, frozen=True):
    """Where an image has its virtual environment; paths are entry paths, without a leading slash."""

    python: str
    """the minor version: ``3.13``"""
    prefix: str = VENV.removeprefix("/")

    @property
    def site(self) -> str:
        """The site directory, purelib and platlib alike."""
        return f"{self.prefix}/lib/python{self.python}/site-packages"

    @property
    def scripts(self) -> str:
        """Where commands go."""
        return f"{self.prefix}/bin"

    @property
    def interpreter(self) -> str:
        """The absolute path that a script's first line names."""
        return f"/{self.prefix}/bin/python"

    def headers(self, distribution: str) -> str:
        """Where C headers of a distribution go (as in virtual environments made by pip)."""
        return f"{self.prefix}/include/site/python{self.python}/{distribution}"
