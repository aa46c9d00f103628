"""The settings of a build: ``[tool.grocker]`` in ``pyproject.toml``, or ``grocker.toml``.

Values only; ``files.py`` reads them. Names in the files are written with hyphens (``stop-signal``). A ``description``
completes the sentence "expected …" of an error message.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Suite = Literal["trixie", "bookworm"]
StopSignal = Literal["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH"]
VariableName = Annotated[
    str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$", description="a variable's name: letters, digits and _")
]
ServiceName = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="a service's name: letters, digits, -, _ and ."),
]
DebianPackage = Annotated[
    str,
    # Debian Policy 5.6.1 (names), 5.6.12 (versions)
    Meta(
        pattern=r"^[a-z0-9][a-z0-9+.-]+(=[0-9][A-Za-z0-9.+:~-]*)?$",
        description="a Debian package, NAME or NAME=VERSION",
    ),
]
Extra = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", description="the name of an extra")]
Address = Annotated[str, Meta(pattern=r"^https?://[^\s/]+", description="an address that begins with https://")]
InProject = Annotated[
    str, Meta(pattern=r"^(?!/)(?!(.*/)?\.\.(/|$)).", description="the path of a file inside the project")
]
Positive = Annotated[int, Meta(ge=1)]
Target = Annotated[
    str, Meta(pattern=r"^[^:\s]+:[^:\s]+$", description="MODULE:ATTRIBUTE, as in mysite.wsgi:application")
]


class Restart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a service that died is started again (contract, E1)."""

    times: Annotated[int, Meta(ge=0)] = 5
    seconds: Positive = 60


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker.services.NAME]``: a command, or a WSGI or ASGI application with its server."""

    command: str | tuple[str, ...] | None = None
    wsgi: Target | None = None
    asgi: Target | None = None
    server: Literal["gunicorn", "uvicorn"] | None = None
    """gunicorn for WSGI, uvicorn for ASGI"""
    workers: Positive | None = None
    env: dict[VariableName, str] = {}
    stop_signal: StopSignal = "TERM"
    ready: Annotated[str, Meta(pattern="^/", description="a path that begins with /")] | None = None
    restart: Restart = Restart()

    def __post_init__(self) -> None:
        given = [n for n in ("command", "wsgi", "asgi") if getattr(self, n) is not None]
        if not given:
            raise ValueError("a service has a command or a wsgi or asgi application, this one has none")
        if len(given) > 1:
            raise ValueError(f"a service has one of command, wsgi and asgi, this one has {' and '.join(given)}")
        served_by = {"wsgi": "gunicorn", "asgi": "uvicorn"}.get(given[0])
        if self.server is not None and self.server != served_by:
            raise ValueError(f"{self.server} does not serve a {given[0]} service; {served_by or 'nothing'} does")
        if self.command is not None and not (self.command.strip() if isinstance(self.command, str) else self.command):
            raise ValueError("the command is empty")


class Debian(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker.debian]``: where the packages below the application come from."""

    suite: Suite = "trixie"
    mirror: Address | None = None
    """address of an archive; by default that of the host's apt sources"""
    security_mirror: Address | None = None
    check_valid_until: bool | None = None
    """None: as apt's own configuration of the host says"""


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tool.grocker.user]``: who the container runs as (contract, U1)."""

    name: Annotated[
        str,
        Meta(
            pattern="^[a-z_][a-z0-9_-]{0,31}$",
            description="a user's name: at most 32 lower-case letters, digits, - and _",
        ),
    ] = "blue"
    uid: Annotated[int, Meta(ge=1, le=4294967294)] = 1000


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker]``, whole."""

    dependencies: tuple[DebianPackage, ...] = ()
    """Debian packages that the application needs at run time, beside the base: ``libpq5``, ``libpq5=17.2-1``"""
    extras: tuple[Extra, ...] = ()
    """extras of the application that are installed with it"""
    index_url: Address | None = None
    """the package index, instead of the host's"""
    namespace: Annotated[str, Meta(pattern="^[A-Z0-9_]+$", description="upper-case letters, digits and _")] | None = (
        None
    )
    """prefix of the application's variables (contract, C4)"""
    base_config: InProject | None = None
    """INI file of the project that overrides Grocker's defaults (contract, C2)"""
    crontab: InProject | None = None
    """crontab of the project: the jobs of the image (contract, K1)"""
    env: dict[VariableName, str] = {}
    """variables of the image, weaker than the operator's"""
    services: dict[ServiceName, Service] = {}
    debian: Debian = Debian()
    user: User = User()
