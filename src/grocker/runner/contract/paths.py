"""Where things are in a container (design, "Fixed names"). Tests have their own."""

from __future__ import annotations

from ..base.value import Value


class Places(Value):
    """Absolute paths. ``scratch`` holds what the runner makes at each start; it is the runner's alone."""

    config: str = "/config"
    media: str = "/media"
    scripts: str = "/scripts"
    scratch: str = "/tmp/.grocker"  # noqa: S108 - made with mkdir, mode 0700, refused when it is another uid's
    base_settings: str = "/opt/grocker/config/50_default_settings.ini"
    venv: str = "/opt/venv"
    zones: str = "/usr/share/zoneinfo"
    shell: str = "/bin/bash"

    @property
    def prepared(self) -> str:
        """The directory of the prepared INI files."""
        return f"{self.scratch}/config"

    @property
    def front(self) -> str:
        """The directory of nginx in front of a server."""
        return f"{self.scratch}/nginx"

    @property
    def upstream(self) -> str:
        """The socket of a server behind nginx."""
        return f"{self.scratch}/upstream"

    @property
    def merged(self) -> str:
        """The one merged file (C4)."""
        return f"{self.scratch}/merged.ini"

    @property
    def sources(self) -> str:
        """Where the prepared files are from: their paths in order, each followed by NUL."""
        return f"{self.scratch}/sources"
