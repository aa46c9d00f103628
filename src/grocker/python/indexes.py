"""Which package index the host uses: uv's configuration is uv's business; without one, pip's is handed to uv.

Addresses may hold credentials, so they travel in the environment (a command line is seen by everybody) and never in
an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from grocker.errors import SettingsError

_UV_DEFAULT = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_UV_MORE = ("UV_INDEX", "UV_EXTRA_INDEX_URL")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s'\"`]*@")


def without_credentials(text: str) -> str:
    """``text`` with ``user:password@`` taken out of every address in it."""
    return _CREDENTIALS.sub("", text)


def pip_files(environ: Mapping[str, str], etc: Path = Path("/etc")) -> tuple[Path, ...]:
    """pip's configuration files, a later one overrides an earlier one (pip documentation, "Configuration")."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return ()
    home = Path(environ.get("HOME") or "/nonexistent")
    xdg = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    directories = [Path(part) for part in environ.get("XDG_CONFIG_DIRS", "").split(":") if part] or [etc / "xdg"]
    files = [directory / "pip" / "pip.conf" for directory in reversed(directories)]
    files += [etc / "pip.conf", home / ".pip" / "pip.conf", xdg / "pip" / "pip.conf"]
    if environ.get("VIRTUAL_ENV"):
        files.append(Path(environ["VIRTUAL_ENV"]) / "pip.conf")
    if chosen:
        files.append(Path(chosen))
    return tuple(files)


def from_pip(environ: Mapping[str, str], etc: Path = Path("/etc")) -> dict[str, str]:
    """Variables for uv that say what pip's configuration says; empty when uv has its own.

    ``environ``: the caller's environment. Only http and https addresses are taken.
    Raises SettingsError when a configuration file of pip's is malformed.
    """
    found: dict[str, str] = {}
    for path in pip_files(environ, etc):
        found.update(_read(path))
    found.update(
        {
            key: environ[f"PIP_{key.upper().replace('-', '_')}"]
            for key in ("index-url", "extra-index-url", "trusted-host", "cert")
            if environ.get(f"PIP_{key.upper().replace('-', '_')}")
        }
    )
    result: dict[str, str] = {}
    if not any(environ.get(name) for name in _UV_DEFAULT) and (first := _http(found.get("index-url", "").split())):
        result["UV_DEFAULT_INDEX"] = first[0]
    if not any(environ.get(name) for name in (*_UV_DEFAULT, *_UV_MORE)) and (
        more := _http(found.get("extra-index-url", "").split())
    ):
        result["UV_INDEX"] = " ".join(more)
    if not environ.get("UV_INSECURE_HOST") and found.get("trusted-host", "").split():
        result["UV_INSECURE_HOST"] = " ".join(found["trusted-host"].split())
    bundle = environ.get("SSL_CERT_FILE") or found.get("cert") or environ.get("REQUESTS_CA_BUNDLE")
    if bundle and not environ.get("SSL_CERT_FILE"):
        result["SSL_CERT_FILE"] = bundle
    return result


def _http(addresses: Iterable[str]) -> list[str]:
    return [address for address in addresses if address.startswith(("http://", "https://"))]


def _read(path: Path) -> dict[str, str]:
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    try:
        parser.read_string(text, str(path))
    except Error as error:
        raise SettingsError(
            f"reading pip's configuration: {path}: {str(error).splitlines()[0]}",
            hint="correct the file, or set UV_DEFAULT_INDEX",
        ) from error
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    return found
