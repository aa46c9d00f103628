"""Ports, paths and environment variables that the image contract fixes, each written once. Contract: P1, P2, V1–V4, E7.

:class:`ContainerLayout` is where a container has its files and ports; tests pass a layout of their own.
"""

from __future__ import annotations

from ..base.value import Value

APPLICATION_PORT = 8080
"""Where a service answers (P1)."""
STATUS_PORT = 8081
"""Where the runner answers probes and shows metrics and the status page (P2)."""

VENV = "/opt/venv"
"""The application's virtual environment."""
APPLICATION = "/opt/app"
"""A source tree (E5)."""
GROCKER = "/opt/grocker"
"""Everything that Grocker adds to an image."""
BIN = f"{GROCKER}/bin"
RUNNER = f"{BIN}/grocker-runner"
"""The image's entrypoint."""
LIBRARY = f"{GROCKER}/lib"
"""On the runner's import path."""
PACKAGE = "grocker_runner"
"""The runner's own name below LIBRARY."""
IMAGE_JSON = f"{GROCKER}/image.json"
CRONTAB = f"{GROCKER}/crontab"
"""The application's own crontab (K1)."""
BASE_SETTINGS = f"{GROCKER}/config/50_default_settings.ini"
"""The application's own settings (C2)."""
LOCK = f"{GROCKER}/grocker.lock"
INITIAL = f"{GROCKER}/writable"
"""The initial content of the application's writable paths (E15)."""

CONFIG = "/config"
"""The operator's configuration (V1)."""
MEDIA = "/media"
"""User files (V2)."""
SCRIPTS = "/scripts"
"""The operator's scripts, and the working directory (V3)."""
SYSLOG_SOCKET = "/dev/log"
"""The host's syslog (V4)."""
SCRATCH = "/tmp/.grocker"  # noqa: S108 - only the beginning; see base.scratch
"""What the runner writes at each start is in a directory of this name, ``-`` and random digits."""

PATH = f"{VENV}/bin:{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LANG = "C.UTF-8"

# Variables that the runner sets (E7).
GROCKER_APP = "GROCKER_APP"
GROCKER_APP_VERSION = "GROCKER_APP_VERSION"
GROCKER_APP_EXTRAS = "GROCKER_APP_EXTRAS"
GROCKER_CONFIG_FILE = "GROCKER_CONFIG_FILE"
GROCKER_CONTRACT = "GROCKER_CONTRACT"
GROCKER_RUNTIME_DIR = "GROCKER_RUNTIME_DIR"
GROCKER_SERVICE = "GROCKER_SERVICE"

# Variables that the operator sets.
GROCKER_LOG = "GROCKER_LOG"
GROCKER_SMTP_FROM = "GROCKER_SMTP_FROM"
GROCKER_SMTP_HOST = "GROCKER_SMTP_HOST"
GROCKER_SMTP_PASSWORD = "GROCKER_SMTP_PASSWORD"  # noqa: S105 - a variable's name
GROCKER_SMTP_PASSWORD_FILE = "GROCKER_SMTP_PASSWORD_FILE"  # noqa: S105
GROCKER_SMTP_PORT = "GROCKER_SMTP_PORT"
GROCKER_SMTP_SECURITY = "GROCKER_SMTP_SECURITY"
GROCKER_SMTP_USER = "GROCKER_SMTP_USER"
GROCKER_STATUS_TOKEN_FILE = "GROCKER_STATUS_TOKEN_FILE"  # noqa: S105
GROCKER_STOP_TIMEOUT = "GROCKER_STOP_TIMEOUT"
GROCKER_SYSLOG = "GROCKER_SYSLOG"
GROCKER_TRUSTED_PROXIES = "GROCKER_TRUSTED_PROXIES"
WEB_CONCURRENCY = "WEB_CONCURRENCY"

PEER_HEADER = "X-Grocker-Peer"
"""The header in which nginx tells the server its own peer: address, port and scheme, separated by blanks (X1)."""


TIME_ZONE_REMEDY = (
    "use a name such as Europe/Paris; for an old one such as US/Eastern, add the Debian package tzdata-legacy to the "
    "image (dependencies), or use its successor (America/New_York)"
)
"""Debian moved the old names out of tzdata with trixie."""


class ContainerLayout(Value):
    """Absolute paths, and ports. ``scratch``: what the runner writes at each start, for its own use."""

    config: str = CONFIG
    media: str = MEDIA
    scripts: str = SCRIPTS
    scratch: str = SCRATCH
    base_settings: str = BASE_SETTINGS
    initial: str = INITIAL
    venv: str = VENV
    syslog: str = SYSLOG_SOCKET
    zones: str = "/usr/share/zoneinfo"
    shell: str = "/bin/bash"
    application_port: int = APPLICATION_PORT
    status_port: int = STATUS_PORT

    @property
    def prepared(self) -> str:
        """The directory of the prepared INI files."""
        return f"{self.scratch}/config"

    @property
    def merged(self) -> str:
        """The one merged INI file (C4)."""
        return f"{self.scratch}/merged.ini"

    @property
    def sources(self) -> str:
        """The original paths of the prepared files, in order, each followed by NUL."""
        return f"{self.scratch}/sources"

    @property
    def front(self) -> str:
        """The directory of nginx, when it stands in front of a server."""
        return f"{self.scratch}/nginx"

    @property
    def upstream(self) -> str:
        """The socket of a server behind nginx."""
        return f"{self.scratch}/upstream"

    @property
    def notify(self) -> str:
        """The socket for sd_notify (H1)."""
        return f"{self.scratch}/notify"
