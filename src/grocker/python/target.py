"""The interpreter and platform of an image, and the paths of its virtual environment. Pure values."""

from __future__ import annotations

import msgspec

from grocker.errors import SettingsError
from grocker.platforms.architectures import ARCHITECTURES
from grocker.platforms.interpreters import DEBIAN, release_of
from grocker.runner.contract.names import VENV
from grocker.tar.entry import Directory, Entry, File, Symlink


class WheelTarget(msgspec.Struct, frozen=True):
    """The platform that wheels are chosen for: the image's, never the host's."""

    python: str
    """the minor version: ``3.13``, or free-threaded ``3.13t``"""
    architecture: str = "amd64"
    """Debian's name: ``amd64``, ``arm64``"""
    glibc: tuple[int, int] = (2, 41)
    """the C library's version in the image"""
    full_version: str = ""
    """``3.13.5``, for markers; ``python`` followed by ``.0`` when it is not known"""
    implementation: str = "cp"
    """the tag's prefix; CPython is the only one"""
    prefix: str = DEBIAN.prefix
    """the interpreter's directory in the image, without a leading slash"""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise SettingsError(
                f"unsupported architecture {self.architecture!r}",
                hint="supported: " + ", ".join(ARCHITECTURES),
            )

    @property
    def machine(self) -> str:
        """``x86_64``, ``aarch64``"""
        return ARCHITECTURES[self.architecture].machine

    @property
    def version_info(self) -> tuple[int, int]:
        """(3, 13)"""
        return release_of(self.python)

    @property
    def release(self) -> str:
        """The minor version in markers, which do not know of threads: ``3.13``."""
        return self.python.removesuffix("t")

    @property
    def abi(self) -> str:
        """The tag of its own binary interface: ``cp313``, or free-threaded ``cp313t``."""
        major, minor = self.version_info
        return f"{self.implementation}{major}{minor}{'t' if self.python.endswith('t') else ''}"

    def scheme(self, prefix: str = VENV.removeprefix("/")) -> InstallScheme:
        """The virtual environment at ``prefix``."""
        return InstallScheme(self.python, prefix, self.prefix)

    @property
    def full(self) -> str:
        """The full version for markers."""
        return self.full_version or self.release + ".0"

    def __str__(self) -> str:
        threads = "t" if self.full_version and self.python.endswith("t") else ""
        version = f"{self.full_version or self.python}{threads}"
        return f"Python {version} on {self.architecture} (glibc {self.glibc[0]}.{self.glibc[1]})"


class InstallScheme(msgspec.Struct, frozen=True):
    """The paths of an image's virtual environment: entry paths, without a leading slash."""

    python: str
    """the minor version: ``3.13``"""
    prefix: str = VENV.removeprefix("/")
    base: str = DEBIAN.prefix
    """the directory of the interpreter that it belongs to"""

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
        """The absolute path in the first line of scripts."""
        return f"/{self.prefix}/bin/python"

    def frame(self, *, sees_system: bool = False) -> tuple[Entry, ...]:
        """Return the files of the environment itself (PEP 405).

        ``sees_system``: whether the interpreter's own site directories follow the environment's on ``sys.path``; of
        Debian's interpreter, those of Debian's packages.
        """
        target = f"/{self.base}/bin/python{self.python}"
        version, system = self.python.removesuffix("t"), str(sees_system).lower()
        settings = f"home = /{self.base}/bin\ninclude-system-site-packages = {system}\nversion = {version}\n"
        return (
            File(f"{self.prefix}/pyvenv.cfg", settings.encode()),
            *(Symlink(f"{self.scripts}/{name}", target) for name in ("python", f"python{self.python}", "python3")),
            Directory(self.site),
        )

    def headers(self, distribution: str) -> str:
        """Where C headers of a distribution go (as in virtual environments made by pip)."""
        return f"{self.prefix}/include/site/python{self.python}/{distribution}"
