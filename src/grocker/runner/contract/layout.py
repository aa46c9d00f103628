"""Where a container has its files and ports. Tests pass a layout of their own."""

from __future__ import annotations

from ..base.value import Value
from . import names


class ContainerLayout(Value):
    """Absolute paths, and ports. ``scratch``: what the runner writes at each start, for its own use."""

    config: str = names.CONFIG
    media: str = names.MEDIA
    scripts: str = names.SCRIPTS
    scratch: str = names.SCRATCH
    base_settings: str = names.BASE_SETTINGS
    venv: str = names.VENV
    syslog: str = names.SYSLOG_SOCKET
    zones: str = "/usr/share/zoneinfo"
    shell: str = "/bin/bash"
    application_port: int = names.APPLICATION_PORT
    status_port: int = names.STATUS_PORT

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
