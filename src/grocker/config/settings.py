"""The settings of a build: ``[tool.grocker]`` in ``pyproject.toml``, or ``grocker.toml``.

Values only; ``files.py`` reads them. Names in the files are written with hyphens (``stop-signal``). A ``description``
completes the phrase "expected …" of an error message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from grocker.platforms.suites import SUITES
from grocker.runner.contract.spec import FRONT, SERVERS, STOP_SIGNALS, servers_for

if TYPE_CHECKING:
    SuiteName = str
    ServerName = str
    StopSignal = str
else:  # the values come from tables, which a type checker cannot follow
    SuiteName = Literal[tuple(SUITES)]
    ServerName = Literal[tuple(server.name for server in SERVERS)]
    StopSignal = Literal[STOP_SIGNALS]
# Patterns end with \Z: $ would let a line end through, and a user's name goes into /etc/passwd.
Text = Annotated[str, Meta(pattern=r"^[^\0]*\Z", description="text without NUL")]
VariableName = Annotated[
    str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z", description="a variable's name: letters, digits and _")
]
ServiceName = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z", description="a service's name: letters, digits, -, _ and ."),
]
PackageRequest = Annotated[
    str,
    # Debian Policy 5.6.1 (names), 5.6.12 (versions)
    Meta(
        pattern=r"^[a-z0-9][a-z0-9+.-]+(=[0-9][A-Za-z0-9.+:~-]*)?\Z",
        description="a Debian package, NAME or NAME=VERSION",
    ),
]
PythonSeries = Annotated[
    str,
    Meta(
        pattern=r"^3\.[0-9]{1,3}t?\Z",
        description="a version of Python, such as 3.12, or 3.13t for the free-threaded build",
    ),
]
LocaleName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z]{2,3}(_[A-Z]{2})?(\.[A-Za-z0-9-]+)?(@[a-z]+)?\Z",
        description="a locale, such as de_DE.UTF-8",
    ),
]
_NAME = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z"
Extra = Annotated[str, Meta(pattern=_NAME, description="the name of an extra")]
Group = Annotated[str, Meta(pattern=_NAME, description="the name of a dependency group")]
Distribution = Annotated[str, Meta(pattern=_NAME, description="the name of a distribution")]
Address = Annotated[str, Meta(pattern=r"^https?://[^\s/]\S*\Z", description="an https:// or http:// address")]
CacheName = Annotated[
    str,
    Meta(
        pattern=r"^[^\s/]*[.:A-Z][^\s/]*/[^\s@]+\Z|^localhost/[^\s@]+\Z",
        description="a repository with its registry, such as registry.example.com/team/cache",
    ),
]
InProject = Annotated[
    str, Meta(pattern=r"^(?!/)(?!(.*/)?\.\.(/|$))[^\0\n]+\Z", description="the path of a file inside the project")
]
Pattern = Annotated[
    str,
    Meta(
        pattern=r"^(?![!#])(?!(.*/)?\.\.(/|$))[^\0\n]*[^\0\n/ ][^\0\n]*\Z",
        description="a pattern of files inside the project, such as secrets/ or *.key",
    ),
]
Positive = Annotated[int, Meta(ge=1)]
ShellCommand = Annotated[str, Meta(pattern=r"^[^\0]*[^\s\0][^\0]*\Z", description="a command line of a shell")]
InPackages = Annotated[
    str,
    Meta(
        pattern=r"^(?!/)(?!(.*/)?\.\.?(/|$))[^\s\"'\\$;{}*?#]+\Z",
        description="a directory inside the application's packages, such as mysite/static",
    ),
]
WorkingDirectory = Annotated[
    str,
    Meta(pattern=r"^(?!(.*/)?\.\.(/|$))[^\0\n]+\Z", description="a directory of the image, such as backend or /tmp"),
]
UrlPath = Annotated[str, Meta(pattern=r"^/[!-~]*\Z", description="a path that begins with /")]
Command = Text | tuple[Text, ...]
ObjectReference = Annotated[
    str, Meta(pattern=r"^[^:\s\0]+:[^:\s\0]+\Z", description="MODULE:ATTRIBUTE, as in mysite.wsgi:application")
]


class RestartSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a service that exits is restarted (contract, E1)."""

    times: Annotated[int, Meta(ge=0)] = 5
    seconds: Positive = 60


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker.services.NAME]``: a command, or a WSGI or ASGI application with its server."""

    command: Command | None = None
    wsgi: ObjectReference | None = None
    asgi: ObjectReference | None = None
    server: ServerName | None = None
    """None: the first one of the table that serves the interface: gunicorn for WSGI, uvicorn for ASGI"""
    workers: Positive | None = None
    env: dict[VariableName, Text] = {}
    workdir: WorkingDirectory | None = None
    """where its processes start, relative to ``/opt/app``; None: the application's own place (contract, E5)"""
    stop_signal: StopSignal = "TERM"
    ready: (
        Annotated[str, Meta(pattern=r"^(/[!-~]*|notify)\Z", description="a path that begins with /, or notify")] | None
    ) = None
    """a path that answers once the service is ready, or ``notify``: it reports that by sd_notify (contract, H1)"""
    restart: RestartSettings = RestartSettings()
    processes: dict[ServiceName, Command] = {}
    """further processes in the same container"""
    static: bool | tuple[InPackages, ...] = False
    """directories served below ``/static``; true: every package directory named ``static``"""
    media: bool = False
    """whether the application serves ``/media`` by X-Accel-Redirect (contract, V2)"""
    metrics: UrlPath | None = None
    """path on the application port whose metrics are merged into those of the status port (contract, H2)"""
    memory: Positive | None = None
    """MiB that a worker may use before it is recycled"""

    @property
    def has_program(self) -> bool:
        """Whether the table says what runs."""
        return not (self.command is None and self.wsgi is None and self.asgi is None)

    def __post_init__(self) -> None:
        given = [n for n in ("command", "wsgi", "asgi") if getattr(self, n) is not None]
        if len(given) > 1:
            raise ValueError(f"a service needs one of command, wsgi and asgi, got {' and '.join(given)}")
        served_by = servers_for(given[0]) if given else ()
        if given and self.server is not None and self.server not in served_by:
            able = " or ".join(served_by) or "nothing"
            raise ValueError(f"{self.server} does not serve {given[0]} services; {able} does")
        if self.command is not None and (self.static or self.media):
            raise ValueError("static and media require a wsgi or asgi service; a command serves its own files")
        if self.command is not None and _is_empty(self.command):
            raise ValueError("the command is empty")
        for name, command in self.processes.items():
            if _is_empty(command):
                raise ValueError(f"the command of the process {name} is empty")
            if name == FRONT:
                raise ValueError(f"the process name {FRONT} is reserved for the proxy in front of the server")


def _is_empty(command: Command) -> bool:
    return not (command if isinstance(command, str) else "".join(command[:1])).strip()


def _normalise(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", ".")) or "."


FIXED_VARIABLES = frozenset(
    {
        *("HOME", "TMPDIR", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH", "PATH", "VIRTUAL_ENV"),
        *("PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8"),
    }
)
"""variables of build back ends that are the same in every build"""


class BuildSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tool.grocker.build]``: how wheels are built, and which commands run before."""

    dependencies: tuple[PackageRequest, ...] = ()
    """Debian packages that the build needs, and no image: to compile, beside those that Grocker knows (``libpq-dev``),
    and for ``commands`` (``npm``)"""
    env: dict[VariableName, Text] = {}
    """environment variables of the project's back end, of ``commands``, and of Django's collectstatic"""
    submodules: bool = False
    """whether the submodules of git dependencies are fetched"""
    commands: tuple[ShellCommand, ...] | None = None
    """run one after the other in a sandbox, in the project's directory. None: those of a front end that is not built;
    empty: none at all"""
    network: bool = False
    """whether ``commands`` may use the network"""
    inputs: tuple[Pattern, ...] = ()
    """files on which the results of ``commands`` depend; none: on all"""
    outputs: tuple[InProject, ...] = ()
    """files and directories that ``commands`` write and the application gets"""
    timeout: Positive = 1800
    """seconds that ``commands`` may take together"""

    def __post_init__(self) -> None:
        for name in sorted(self.env):
            if name in FIXED_VARIABLES or name.startswith("GIT_"):
                raise ValueError(f"{name} cannot be set: Grocker fixes it to make builds reproducible")
        if self.commands and not self.outputs:
            raise ValueError("commands require outputs: the files and directories that they write")
        alone = [name for name in ("inputs", "outputs", "network") if getattr(self, name)]
        if alone and not self.commands:
            raise ValueError(f"{alone[0]} requires commands")
        if "." in map(_normalise, self.outputs):
            raise ValueError("outputs cannot be the whole project: name the directories that commands write")


PYTHON_PACKAGES = "debian.python-packages"
"""the setting's name, which messages and keys have too"""


class DebianSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker.debian]``: where the packages below the application come from."""

    suite: SuiteName | None = None
    """None: the default, or the one whose Python fits the project"""
    mirror: Address | None = None
    """address of an archive; by default that of the host's apt sources"""
    security_mirror: Address | None = None
    check_valid_until: bool | None = None
    """None: as in the host's apt configuration"""
    configure: Literal["auto", "static", "always"] = "auto"
    """whether maintainer scripts run in a sandbox: those whose effects are not done statically, none, or all"""
    python_packages: bool | None = None
    """whether the application can import the modules of Debian's packages (``python3-gi``); None: no, and the user is
    told"""


class UserSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tool.grocker.user]``: who the container runs as (contract, U1)."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z_][a-z0-9_-]{0,31}\Z",
            description="a user's name: at most 32 lower-case letters, digits, - and _",
        ),
    ] = "blue"
    uid: Annotated[int, Meta(ge=1, le=4294967294)] = 1000


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """``[tool.grocker]``, whole."""

    python: PythonSeries | None = None
    """release series of the image's Python; None: the one that fits the project"""
    dependencies: tuple[PackageRequest, ...] = ()
    """Debian packages that the application needs at run time, beside the base: ``libpq5``, ``libpq5=17.2-1``"""
    locales: tuple[LocaleName, ...] = ()
    """locales beside C.UTF-8 that the image has: ``de_DE.UTF-8``"""
    install: Literal["package", "tree"] | None = None
    """whether the project is built to a wheel or runs from its source tree; None: as its files say"""
    requirements: tuple[InProject, ...] = ()
    """requirement files in pip's format: of a source tree, instead of the one that is found; of a package, besides its
    own requirements"""
    include: tuple[InProject, ...] = ()
    """files and directories that go into a source tree's image although they look secret or generated"""
    files: tuple[InProject, ...] = ()
    """files and directories of the project that a package's code looks for beside it (contract, E15)"""
    writable: tuple[InProject, ...] | None = None
    """paths of the application that lead into ``/media`` (contract, E15); None: those that Grocker recognises"""
    extras: tuple[Extra, ...] = ()
    """extras of the application that are installed with it"""
    groups: tuple[Group, ...] = ()
    """dependency groups of the project that are installed: PEP 735, poetry's, pdm's; none by default"""
    prefer: tuple[Distribution, ...] = ()
    """distributions whose files are installed where wheels install different ones at one path, the first one most"""
    index_url: Address | None = None
    """the package index, instead of the host's"""
    compression: Literal["gzip", "zstd"] = "gzip"
    """of layers; zstd's are smaller, take longer to make, and need engines that support it"""
    lazy_pulling: Literal["soci"] | None = None
    """the format of the tables of contents by which nodes start the image before it is pulled; None: none"""
    cache: CacheName | None = None
    """repository of a registry where machines share what their builds make (``registry.example.com/team/cache``)"""
    namespace: Annotated[str, Meta(pattern=r"^[A-Z0-9_]+\Z", description="upper-case letters, digits and _")] | None = (
        None
    )
    """prefix of the application's variables (contract, C4)"""
    base_config: InProject | None = None
    """INI file of the project that overrides Grocker's defaults (contract, C2)"""
    crontab: InProject | None = None
    """crontab of the project: the jobs of the image (contract, K1)"""
    env: dict[VariableName, Text] = {}
    """variables of the image; the operator's override them"""
    collectstatic: bool = True
    """whether Django's static files are collected for the image (contract, X1)"""
    exclude: tuple[Pattern, ...] = ()
    """files of the project that its build back end does not see"""
    build: BuildSettings = BuildSettings()
    services: dict[ServiceName, ServiceSettings] = {}
    debian: DebianSettings = DebianSettings()
    user: UserSettings = UserSettings()
