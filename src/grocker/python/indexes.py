"""The package index of the host: uv reads its own configuration; without one, it gets pip's.

Addresses may contain credentials, so they are passed in the environment (command lines are public) and never shown in
an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.errors import SettingsError
from grocker.regex import regex

_UV_DEFAULT = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_UV_MORE = ("UV_INDEX", "UV_EXTRA_INDEX_URL")
ADDRESSES = (*_UV_DEFAULT, *_UV_MORE)
_URL = regex(r"https?://[^\s`'\")]+")
# A password may hold a slash that nobody encoded; what follows a host and its port is a path, which may hold an @.
_CREDENTIALS = regex(r"(?<=://)(?:[^/@\s'\"`]*|[^/@:\s'\"`]*:(?!\d{1,5}/)[^\s'\"`]*)@")


def hide_credentials(text: str) -> str:
    """``text`` without ``user:password@`` in its addresses."""
    return _CREDENTIALS.sub("", text)


def add_credentials(url: str, environment: Mapping[str, str]) -> str:
    """``url`` with the credentials of the index on the same host, if any.

    ``environment``: uv's, see ``uv.Uv``. Use the result for a request only: never store or show it.
    """
    parts = urlsplit(url)
    for text in " ".join(environment.get(name, "") for name in ADDRESSES).split():
        index = urlsplit(re.sub(r"^[\w-]+=", "", text))
        user, at, host = index.netloc.rpartition("@")
        if at and (index.scheme, host) == (parts.scheme, parts.netloc):
            return urlunsplit(parts._replace(netloc=f"{user}@{host}"))
    return url


def index_files(environ: Mapping[str, str], etc: Path = Path("/etc")) -> tuple[Path, ...]:
    """Return the configuration files of uv and pip that name the host's index, whether they are there or not."""
    return (_user_file(environ), etc / "uv" / "uv.toml", *pip_files(environ, etc))


def uv_files(directory: Path | None, environ: Mapping[str, str], etc: Path) -> tuple[Path, ...]:
    """Return where uv's configuration may be: in the project's directory, above it, the user's and the system's."""
    places = (directory, *directory.parents) if directory is not None else ()
    own = (place / name for place in places for name in ("uv.toml", "pyproject.toml"))
    return (*own, _user_file(environ), etc / "uv" / "uv.toml")


def _user_file(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME') or '/nonexistent'}/.config"
    return Path(home) / "uv" / "uv.toml"


def find_uv_indexes(directory: Path, environ: Mapping[str, str], etc: Path = Path("/etc")) -> frozenset[str]:
    """Which of UV_DEFAULT_INDEX and UV_INDEX uv's configuration files decide for a project in ``directory``.

    uv reads the nearest of the project's and its parents', then the user's and the system's ("Configuration files").
    """
    found = set()
    for table in (*index_tables(environ, etc), *project_tables(directory)):
        indexes = [index for index in table.get("index", []) if isinstance(index, dict) and not index.get("explicit")]
        if "index-url" in table or table.get("no-index") or any(index.get("default") for index in indexes):
            found.add("UV_DEFAULT_INDEX")
        if "extra-index-url" in table or table.get("no-index") or any(not i.get("default") for i in indexes):
            found.add("UV_INDEX")
    return frozenset(found)


def index_tables(environ: Mapping[str, str], etc: Path = Path("/etc")) -> list[dict[str, Any]]:
    """Return what the user's and the system's ``uv.toml`` say."""
    return [read_uv_table(_user_file(environ)), read_uv_table(etc / "uv" / "uv.toml")]


def project_tables(directory: Path) -> list[dict[str, Any]]:
    """Return what configuration files of uv in ``directory`` and above it say."""
    places = (directory.absolute(), *directory.absolute().parents)
    return [read_uv_table(place / name) for place in places for name in ("uv.toml", "pyproject.toml")]


def find_places(directory: Path, environ: Mapping[str, str], etc: Path = Path("/etc")) -> dict[str, str]:
    """Return where uv's configuration files name an index, for people, by its address without credentials.

    ``directory``: the project's, whose files and those above it win.
    """
    base = directory.absolute()
    found: dict[str, str] = {}
    for path in uv_files(base, environ, etc):
        shown = str(path.relative_to(base) if path.is_relative_to(base) else path)
        for address in named_addresses(read_uv_table(path)):
            found.setdefault(hide_credentials(address), shown if path.name == "uv.toml" else f"{shown} [tool.uv]")
    return found


def named_addresses(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses and paths of indexes and of ``find-links`` in a configuration of uv."""
    given = [table.get("index-url")]
    for key in ("extra-index-url", "find-links", "index"):
        listed = table.get(key)
        given += listed if isinstance(listed, list) else []
    for one in given:
        address = one.get("url") if isinstance(one, dict) else one
        if isinstance(address, str):
            yield address


def find_place(text: str, places: Mapping[str, str]) -> str:
    """Return where the index is named that an error message is about; empty if nothing names it.

    ``places``: by address, as ``find_places`` returns them.
    """
    requested = [f"{_plain(url)}/" for url in _URL.findall(text)]
    named = [one for one in places if any(url.startswith(f"{_plain(one)}/") for url in requested)]
    return places[max(named, key=lambda one: len(_plain(one)))] if named else ""


def _plain(address: str) -> str:
    """Return an address as uv shows it, without credentials, query and the slash at its end."""
    try:
        parts = urlsplit(hide_credentials(address))
    except ValueError:
        return address
    host = parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def read_uv_table(path: Path) -> dict[str, Any]:
    """The uv configuration in ``uv.toml`` or ``pyproject.toml``; empty when the file is unreadable."""
    try:
        document = decode_toml(local_file.read_text(path))
    except (OSError, ValueError):
        # uv, or the reader of the project, reports a malformed file.
        return {}
    if path.name == "uv.toml":
        return {**document, **_table(document, "pip")}
    table = _table(_table(document, "tool"), "uv")
    return {**table, **_table(table, "pip")}


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


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


def read_pip_indexes(environ: Mapping[str, str], etc: Path = Path("/etc")) -> dict[str, str]:
    """pip's configuration as variables for uv; empty when uv has its own.

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
        text = local_file.read_text(path)
    except (OSError, UnicodeDecodeError):
        return {}
    try:
        parser.read_string(text, str(path))
    except Error as error:
        raise SettingsError(
            f"reading pip's configuration: {path}: {str(error).splitlines()[0]}",
            hint="fix the file, or set UV_DEFAULT_INDEX",
        ) from error
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    return found
