"""Credentials for a registry, from the files that ``docker login`` and ``podman login`` write.

Sources: docker's config.json (``auths``, ``credsStore``, ``credHelpers``; docs.docker.com, "docker login");
docker/cli, cli/config/configfile (what it reads without complaint, much of it by Go's decoders: line ends in base64,
names of members in any case, an empty file, whatever follows the document, a scheme and a path around the host);
containers-auth.json(5), whose keys may name a repository or a part of its path instead of a whole registry.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.errors import SettingsError
from grocker.oci.reference import HUB, Reference
from grocker.registry import keychain
from grocker.web import basic_authorization

_HUB_KEYS = (
    "https://index.docker.io/v1/",
    "https://index.docker.io/v1",
    "index.docker.io",
    "registry-1.docker.io",
    HUB,
)


class Credentials(msgspec.Struct, frozen=True):
    """Credentials for a registry or its token server, and where they came from."""

    source: str
    """in words, for errors: ``the credentials of bob in /home/me/.docker/config.json``; never a secret"""
    user: str | None = None
    password: str | None = None
    identity_token: str | None = None
    """exchanged for a token at the token server (OAuth 2.0's refresh token)"""
    registry_token: str | None = None
    """sent to the registry as it is"""

    @property
    def authorization(self) -> str | None:
        """The value of an Authorization header for Basic authentication; None without user and password."""
        return None if self.user is None or self.password is None else basic_authorization(self.user, self.password)

    def __repr__(self) -> str:
        return f"Credentials({self.source!r})"


def find_credentials(
    environ: Mapping[str, str], reference: Reference, *, uid: int, helper_seconds: float = keychain.SECONDS
) -> Credentials:
    """Find the credentials for the repository of ``reference`` in podman's and docker's files: the first that has any.

    ``uid``: the caller's, for podman's default file. A helper that a file names is run with ``environ``, for at most
    ``helper_seconds``. Raises SettingsError for a malformed or unreadable file.
    """
    ask_helper = partial(keychain.ask_helper, environ=environ, seconds=helper_seconds)
    looked: list[str] = []
    notes: list[str] = []
    for place in credential_files(environ, uid=uid):
        document = _read_document(place)
        if document is None:
            continue
        looked.append(str(place))
        found = _find_in_file(document, reference, place, ask_helper, notes)
        if found is not None:
            return found
    if notes:
        return Credentials("no credentials (" + "; ".join(notes) + ")")
    if looked:
        return Credentials(f"no credentials (none for {reference.registry} in {', '.join(looked)})")
    return Credentials("no credentials (neither docker's config.json nor podman's auth.json exists)")


def credential_files(environ: Mapping[str, str], *, uid: int) -> Iterator[Path]:
    """List the files that may have credentials, the most specific first."""
    if named := environ.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/containers/{uid}"
    yield Path(runtime) / "containers" / "auth.json" if environ.get("XDG_RUNTIME_DIR") else Path(runtime) / "auth.json"
    home = environ.get("HOME")
    if configured := environ.get("XDG_CONFIG_HOME"):
        yield Path(configured) / "containers" / "auth.json"
    elif home:
        yield Path(home) / ".config" / "containers" / "auth.json"
    if directory := environ.get("DOCKER_CONFIG"):
        yield Path(directory) / "config.json"
    elif home:
        yield Path(home) / ".docker" / "config.json"


def _find_in_file(
    document: dict[str, Any],
    reference: Reference,
    place: Path,
    ask_helper: Callable[[str, str], tuple[tuple[str, str] | None, str]],
    notes: list[str],
) -> Credentials | None:
    """Look in one file: at its helper for this registry, at the file itself, at its helper for all, in this order."""

    def ask(helper: str, server: str) -> Credentials | None:
        pair, why = ask_helper(helper, server)
        if pair is None:
            notes.append(f"{place} names a helper: {why}")
            return None
        user, secret = pair
        if user == keychain.TOKEN_USER:
            return Credentials(f"the identity token of docker-credential-{helper} ({place})", identity_token=secret)
        return Credentials(f"the credentials of {user} of docker-credential-{helper} ({place})", user, secret)

    for key, helper in _entries(document, "credHelpers", reference):
        if isinstance(helper, str):
            found = ask(helper, key if key in _keys(reference) else reference.registry)
            if found is not None:
                return found
            break
    found = _find_in_auths(document, reference, place, notes)
    if found is not None:
        return found
    store = _member(document, "credsStore")
    if isinstance(store, str) and store:
        return ask(store, _HUB_KEYS[0] if reference.registry == HUB else reference.registry)
    return None


def _read_document(place: Path) -> dict[str, Any] | None:
    try:
        data = local_file.read(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno is not None and not os.access(place.parent, os.X_OK):
            return None
        raise SettingsError(
            f"cannot read credentials from {place}: {error.strerror}", hint="make the file readable"
        ) from error
    try:
        text = data.decode("utf-8-sig").lstrip()
        # As docker does, which reads one document and nothing behind it; an empty file has none.
        document = json.JSONDecoder().raw_decode(text)[0] if text else {}
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise SettingsError(
            f"cannot read credentials from {place}: line {line} is not JSON", hint="fix the file, or log in again"
        ) from error
    return document if isinstance(document, dict) else None


def _keys(reference: Reference) -> Iterator[str]:
    """List the keys that credentials may have in a file, the most specific first."""
    path = f"{reference.registry}/{reference.path}"
    while "/" in path:
        yield path
        path = path.rpartition("/")[0]
    if reference.registry == HUB:
        yield from _HUB_KEYS
        return
    yield reference.registry
    for form in ("https://{}", "https://{}/", "https://{}/v1/", "https://{}/v2/", "http://{}", "http://{}/"):
        yield form.format(reference.registry)


def _entries(document: dict[str, Any], name: str, reference: Reference) -> Iterator[tuple[str, Any]]:
    """List the entries of the table ``name`` that are for the repository, by key, the most specific first."""
    table = _member(document, name)
    if not isinstance(table, dict):
        return
    exact = list(_keys(reference))
    for key in exact:
        if key in table:
            yield key, table[key]
    hosts = {_host(key) for key in _HUB_KEYS} if reference.registry == HUB else {reference.registry}
    for key, value in table.items():
        if key not in exact and _host(key) in hosts:
            yield key, value


def _host(key: str) -> str:
    """Drop what docker drops around a key's host: scheme and path; without a scheme a path may be podman's."""
    scheme, separator, rest = key.partition("://")
    if separator and scheme in ("http", "https"):
        return rest.partition("/")[0]
    return re.sub(r"(/v[12])?/?\Z", "", key)


def _member(table: dict[str, Any], name: str) -> Any:
    """Return the member of that name, else of that name in another case, as Go does; None without one."""
    if name in table:
        return table[name]
    return next((value for key, value in table.items() if key.casefold() == name.casefold()), None)


def _find_in_auths(document: dict[str, Any], reference: Reference, place: Path, notes: list[str]) -> Credentials | None:
    """Look in the file itself."""
    for key, entry in _entries(document, "auths", reference):
        if not isinstance(entry, dict):
            notes.append(f"the entry {key!r} in {place} is not an object")
            continue
        try:
            user, password = _decode_pair(entry) or (None, None)
        except ValueError:
            notes.append(f"the auth of {key!r} in {place} is not USER:PASSWORD in base64")
            user, password = None, None
        identity, registry = _text(entry, "identitytoken"), _text(entry, "registrytoken")
        if password or identity or registry:
            whose = f"credentials of {user}" if user and not (identity or registry) else "token"
            return Credentials(f"the {whose} in {place}", user, password or None, identity, registry)
    return None


def _text(entry: dict[str, Any], name: str) -> str | None:
    """Return a member that is text, not empty, and can be sent: JSON can say a lone surrogate."""
    value = _member(entry, name)
    if not isinstance(value, str) or any("\ud800" <= c <= "\udfff" for c in value):
        return None
    return value or None


def _decode_pair(entry: dict[str, Any]) -> tuple[str, str] | None:
    """Read user and password, if the entry has them. ValueError when they are malformed."""
    encoded = _member(entry, "auth")
    if encoded is not None and not isinstance(encoded, str):
        raise ValueError("not text")
    if encoded:
        data = base64.b64decode(encoded.replace("\r", "").replace("\n", ""), validate=True)
        # A password is bytes; those that are not UTF-8 are sent as they are.
        user, colon, password = data.decode("utf-8", "surrogateescape").partition(":")
        if not colon or not user:
            raise ValueError("no user")
        # docker pads with NULs what it wrote long ago (docker/cli, cli/config/configfile, decodeAuth).
        return user, password.strip("\0")
    name = _text(entry, "username")
    return None if name is None else (name, _text(entry, "password") or "")
