"""Whose credentials may go where: to addresses that the caller named, and never into the environment of foreign code.

uv binds ``UV_INDEX_NAME_PASSWORD`` to an index by its name, and a project may give any name to any address.
Source: uv documentation, "Package indexes", "Authentication".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from grocker.errors import SettingsError
from grocker.python.indexes import hide_credentials, index_tables, project_tables
from grocker.regex import regex

_BY_NAME = regex(r"UV_INDEX_(?P<name>[A-Z0-9_]+)_(?:USERNAME|PASSWORD)")
_EXPANDED = regex(r"\$\{([A-Za-z0-9_]+)\}")
_SECRET = regex(r"PIP_.*|UV_PUBLISH_.*|UV_.*(?:TOKEN|PASSWORD|USERNAME|CREDENTIALS?)|SSL_CLIENT_CERT")


class NamedIndex(msgspec.Struct, frozen=True):
    """An index that has a name."""

    name: str
    address: str
    """without credentials"""


def foreign_credentials(
    directory: Path, environ: Mapping[str, str], etc: Path = Path("/etc")
) -> dict[NamedIndex, tuple[str, ...]]:
    """Return the variables that a project in ``directory`` would send to an address that the caller never named.

    ``environ``: uv's. The caller names addresses in ``UV_INDEX``, ``UV_DEFAULT_INDEX`` and the user's and the system's
    ``uv.toml``.
    """
    given: dict[str, list[str]] = {}
    for variable in environ:
        match = _BY_NAME.fullmatch(variable)
        if match is not None:
            given.setdefault(match["name"], []).append(variable)
    if not given or environ.get("UV_CONFIG_FILE") or environ.get("UV_NO_CONFIG", "").lower() in ("1", "true"):
        return {}
    own = set(_callers(environ, etc))
    found: dict[NamedIndex, tuple[str, ...]] = {}
    for index in _named(project_tables(directory)):
        variables = given.get(_variable(index.name))
        if variables is not None and NamedIndex(_variable(index.name), _same(index.address)) not in own:
            del given[_variable(index.name)]
            found[index] = tuple(variables)
    return found


def public_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ``, uv's, without passwords, tokens and ``user:password@`` in addresses."""
    public = {name: hide_credentials(value) for name, value in environ.items() if not _SECRET.fullmatch(name)}
    if public != environ:
        public |= {"NETRC": "/dev/null", "UV_KEYRING_PROVIDER": "disabled"}
    return public


def refuse_expansion(texts: Iterable[str], environ: Mapping[str, str], *, what: str) -> None:
    """Refuse requirements whose ``${NAME}`` uv would replace by a secret: their addresses are anybody's.

    ``environ``: uv's. ``what``: names the requirements in the error. Raises SettingsError.
    Source: uv documentation, "Environment variables in requirements files".
    """
    public = public_environment(environ)
    for text in texts:
        for name in _EXPANDED.findall(text):
            if name in environ and public.get(name) != environ[name]:
                raise SettingsError(
                    f"{what}: ${{{name}}} is one of your secrets, and would be sent to the address that contains it",
                    hint="set the index with its credentials yourself, in UV_INDEX, ~/.netrc or pip's configuration",
                )


def _callers(environ: Mapping[str, str], etc: Path) -> Iterator[NamedIndex]:
    texts = f"{environ.get('UV_INDEX', '')} {environ.get('UV_DEFAULT_INDEX', '')}".split()
    for text in texts:
        name, equals, address = text.partition("=")
        if equals and "://" in address and "/" not in name:
            yield NamedIndex(_variable(name), _same(address))
    for index in _named(index_tables(environ, etc)):
        yield NamedIndex(_variable(index.name), _same(index.address))


def _named(tables: list[dict[str, object]]) -> Iterator[NamedIndex]:
    for table in tables:
        listed = table.get("index")
        for index in listed if isinstance(listed, list) else ():
            if isinstance(index, dict) and isinstance(index.get("name"), str) and isinstance(index.get("url"), str):
                yield NamedIndex(index["name"], hide_credentials(index["url"]))


def _variable(name: str) -> str:
    """The name of an index as it stands in the name of a variable."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _same(address: str) -> str:
    """An address as others are compared with it."""
    try:
        parts = urlsplit(hide_credentials(address))
    except ValueError:
        return address
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}?{parts.query}"
