"""The settings of a build: ``[tool.grocker]`` in ``pyproject.toml``, or ``grocker.toml``.

Values only; ``files.py`` reads them. Names in the files are written with hyphens (``stop-signal``).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Suite = Literal["trixie", "bookworm"]
StopSignal = Literal["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH"]
VariableName = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
Positive = Annotated[int, Meta(ge=1)]


class Restart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a service that died is started again (contract, E1)."""

    times: Annotated[int, Meta(ge=0)] = 5
    seconds: Positive = 60


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker.services.NAME]``: a command, or a WSGI application with its server."""

    command: str | tuple[str, ...] | None = None
    wsgi: Annotated[str, Meta(pattern=r"^[^:\s]+:[^:\s]+$")] | None = None
    server: Literal["gunicorn"] = "gunicorn"
    workers: Positive | None = None
    env: dict[VariableName, str] = {}
    stop_signal: StopSignal = "TERM"
    ready: str | None = None
    restart: Restart = Restart()

    def __post_init__(self) -> None:
        if (self.command is None) == (self.wsgi is None):
            raise ValueError("a service has either command or wsgi")
        if self.command is not None and not self.command:
            raise ValueError("command is empty")


class Debian(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker.debian]``: where the packages below the application come from."""

    suite: Suite = "trixie"
    mirror: str | None = None
    """address of an archive; by default that of the host's apt sources"""
    security_mirror: str | None = None
    check_valid_until: bool | None = None
    """None: as apt's own configuration of the host says"""


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tool.grocker.user]``: who the container runs as (contract, U1)."""

    name: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_-]{0,31}$")] = "blue"
    uid: Annotated[int, Meta(ge=1, le=4294967294)] = 1000


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker]``, whole."""

    dependencies: tuple[str, ...] = ()
    """Debian packages that the application needs at run time, beside the base: ``libpq5``"""
    extras: tuple[str, ...] = ()
    """extras of the application that are installed with it"""
    index_url: str | None = None
    """the package index, instead of the host's"""
    namespace: Annotated[str, Meta(pattern="^[A-Z0-9_]+$")] | None = None
    """prefix of the application's variables (contract, C4)"""
    base_config: str | None = None
    """INI file of the project that overrides Grocker's defaults (contract, C2)"""
    env: dict[VariableName, str] = {}
    """variables of the image, weaker than the operator's"""
    services: dict[str, Service] = {}
    debian: Debian = Debian()
    user: User = User()
