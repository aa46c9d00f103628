"""This host's configuration of cargo: where crates come from, and the tokens of registries.

Tokens are used for requests alone; they are in no message, and nothing else gets them.
Source: The Cargo Book, "Configuration", "Source Replacement", "Registry Authentication".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.errors import SettingsError
from grocker.web import redact_url

CRATES_IO = "crates-io"
"""what configurations call the registry that needs no name"""
_DEFAULT = "https://github.com/rust-lang/crates.io-index"
"""its address in every Cargo.lock, from whose last part that of its sparse index follows"""
_MOST_HOPS = 8
_PROXIES = ("http_proxy", "https_proxy")


class CrateSource(msgspec.Struct, frozen=True):
    """Where the crates of a registry are on this host."""

    address: str
    """``https://…/``: of a sparse index; ``file:///…``: of a directory of crates (a local registry)"""
    token: str | None = None
    """for its index, and for its crates if it says so"""


class CargoConfig(msgspec.Struct, frozen=True):
    """What cargo's configuration of the host's user says about registries."""

    path: str
    """of its file, for messages"""
    credentials: str
    """of the file with tokens"""
    sources: Mapping[str, Mapping[str, Any]]
    """``[source.NAME]``"""
    registries: Mapping[str, str]
    """name → address of its index"""
    tokens: Mapping[str, str]
    """name → token"""
    network: Mapping[str, str]
    """variables of the environment that replace the caller's: proxies, certificates"""

    def find_source(self, registry: str) -> CrateSource:
        """Find where this host gets the crates of a registry from.

        ``registry``: its address in a Cargo.lock, without ``registry+``. Raises SettingsError for a configuration that
        cannot be followed, or one that Grocker cannot use.
        """
        name, address = self._name_of(registry), registry
        if self.is_default(registry):
            own = _DEFAULT.rpartition("/")[2].removesuffix("-index")
            name, address = CRATES_IO, f"sparse+https://index.{own}/"
        for _ in range(_MOST_HOPS):
            following = self.sources.get(name, {}).get("replace-with")
            if not following:
                break
            name, table = str(following), self.sources.get(str(following), {})
            if place := table.get("local-registry"):
                return CrateSource((Path(self.path).parent.parent / str(place)).absolute().as_uri())
            address = str(table.get("registry") or self.registries.get(name, ""))
            if not address and "replace-with" not in table:
                kinds = " and ".join(sorted(table)) or "nothing"
                raise SettingsError(
                    f"{self.path}: source {name!r} has {kinds}; Grocker fetches crates only from sparse registries",
                    hint='name one: registry = "sparse+https://…", or local-registry = "…"',
                )
        else:
            raise SettingsError(
                f"{self.path}: sources replace each other in a loop", hint="fix replace-with under [source]"
            )
        if not address.startswith(("sparse+https://", "sparse+http://")):
            raise SettingsError(
                f"fetching crates from {redact_url(address)}: an index in git is not supported",
                hint=f'replace it with its sparse index: registry = "sparse+https://…" under [source] in {self.path}',
            )
        # A token goes to no address but one that this configuration gives: a lock may name any.
        token = self.tokens.get(name) or self.tokens.get(self.find_name(address))
        return CrateSource(address.removeprefix("sparse+").rstrip("/") + "/", token)

    def is_default(self, registry: str) -> bool:
        """Whether a registry is the one that needs no name."""
        return _is_same(_DEFAULT, registry)

    def find_name(self, registry: str) -> str:
        """Return the name under which the configuration has a registry, else nothing."""
        return next((name for name, address in self.registries.items() if _is_same(address, registry)), "")

    def _name_of(self, registry: str) -> str:
        tables = ((name, str(table.get("registry", ""))) for name, table in self.sources.items())
        found = next((name for name, address in tables if _is_same(address, registry)), "")
        return found or self.find_name(registry)


def _is_same(one: str, other: str) -> bool:
    return bool(one) and one.rstrip("/") == other.rstrip("/")


def read_cargo_config(environ: Mapping[str, str]) -> CargoConfig:
    """Read the configuration of the host's user. Raises SettingsError when it is malformed."""
    home = Path(environ.get("CARGO_HOME") or f"{environ.get('HOME') or '/nonexistent'}/.cargo").absolute()
    path, document = _read(home, "config")
    other, secret = _read(home, "credentials")
    sources = {name: table for name, table in _tables(document, "source").items() if isinstance(table, dict)}
    registries: dict[str, str] = {}
    tokens: dict[str, str] = {}
    for found in (document, secret):
        for name, table in _tables(found, "registries").items():
            if name and isinstance(table, dict):
                registries |= {name: table["index"]} if isinstance(table.get("index"), str) else {}
                tokens |= {name: table["token"]} if isinstance(table.get("token"), str) else {}
    named = {re.sub(r"[-.]", "_", name).upper(): name for name in (*registries, *sources)}
    for variable, value in environ.items():
        match = re.fullmatch(r"CARGO_REGISTRIES_(?P<name>\w+)_(?P<what>INDEX|TOKEN)", variable)
        if match and value:
            name = named.get(match["name"], match["name"].lower().replace("_", "-"))
            (registries if match["what"] == "INDEX" else tokens)[name] = value
    return CargoConfig(
        str(path), str(other), sources, registries, tokens, _network(environ, _tables(document, "http"), home)
    )


def _network(environ: Mapping[str, str], http: Mapping[str, Any], home: Path) -> dict[str, str]:
    variables = {}
    proxy = environ.get("CARGO_HTTP_PROXY") or http.get("proxy")
    if isinstance(proxy, str) and proxy:
        variables.update(dict.fromkeys(_PROXIES, proxy))
    authorities = environ.get("CARGO_HTTP_CAINFO") or http.get("cainfo")
    if isinstance(authorities, str) and authorities:
        variables["SSL_CERT_FILE"] = str(home.parent / authorities)
    return variables


def _tables(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name, {})
    return found if isinstance(found, dict) else {}


def _read(home: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Return the file of that name, and its table: cargo prefers the name without ``.toml``."""
    path = next((one for one in (home / name, home / f"{name}.toml") if one.is_file()), home / f"{name}.toml")
    try:
        return path, decode_toml(local_file.read_text(path)) if path.is_file() else {}
    except OSError:
        return path, {}  # cargo could not read it either
    except ValueError as error:
        # Not the error's text, which may have a token.
        raise SettingsError(f"{path}: malformed TOML", hint="fix the syntax; `cargo fetch` says where") from error
