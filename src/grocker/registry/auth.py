"""Credentials for a registry, from the files that ``docker login`` and ``podman login`` write.

Sources: docker's config.json (``auths``, ``credsStore``, ``credHelpers``; docs.docker.com, "docker login");
containers-auth.json(5), whose keys may name a repository or a part of its path instead of a whole registry.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from grocker import local_file
from grocker.decoding import decode_json
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

    helpers = document.get("credHelpers")
    if not isinstance(helpers, dict):
        helpers = {}
    for key in _keys(reference):
        if isinstance(helpers.get(key), str):
            found = ask(helpers[key], key)
            if found is not None:
                return found
            break
    found = _find_in_auths(document, reference, place)
    if found is not None:
        return found
    store = document.get("credsStore")
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
        document = decode_json(data)
    except ValueError as error:
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


def _find_in_auths(document: dict[str, Any], reference: Reference, place: Path) -> Credentials | None:
    """Look in the file itself."""
    auths = document.get("auths")
    if not isinstance(auths, dict):
        return None
    for key in _keys(reference):
        entry = auths.get(key)
        if not isinstance(entry, dict):
            continue
        user, password = _decode_pair(entry) or (None, None)
        identity, registry = _text(entry, "identitytoken"), _text(entry, "registrytoken")
        if password or identity or registry:
            whose = f"credentials of {user}" if user and not (identity or registry) else "token"
            return Credentials(f"the {whose} in {place}", user, password or None, identity, registry)
    return None


def _text(entry: dict[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) and value else None


def _decode_pair(entry: dict[str, Any]) -> tuple[str, str] | None:
    encoded = entry.get("auth")
    if isinstance(encoded, str) and encoded:
        try:
            text = base64.b64decode(encoded, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None
        user, colon, password = text.partition(":")
        # docker pads with NULs what it wrote long ago (docker/cli, cli/config/configfile, decodeAuth).
        return (user, password.rstrip("\0")) if colon and user else None
    plain = (entry.get("username"), entry.get("password"))
    if isinstance(plain[0], str) and plain[0] and isinstance(plain[1], str):
        return plain[0], plain[1]
    return None
