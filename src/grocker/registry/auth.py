"""Credentials for a registry, out of the files that ``docker login`` and ``podman login`` write.

Sources: docker's config.json (``auths``; docs.docker.com, "docker login"); containers-auth.json(5), which may name a
repository or a part of its path instead of a whole registry.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grocker.errors import SettingsError
from grocker.oci.reference import HUB, Reference

_HUB_KEYS = (
    "https://index.docker.io/v1/",
    "https://index.docker.io/v1",
    "index.docker.io",
    "registry-1.docker.io",
    HUB,
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is presented to a registry, and where it came from."""

    source: str
    """in words, for errors: ``the credentials of bob in /home/me/.docker/config.json``; never a secret"""
    authorization: str | None = None
    """the value of an Authorization header, None when nothing was found"""

    def __repr__(self) -> str:
        return f"Credentials({self.source!r})"


def credentials(environ: Mapping[str, str], reference: Reference, *, uid: int) -> Credentials:
    """The credentials for the registry of ``reference``: of the files of podman and docker, the first that has any.

    ``uid``: the caller's, for podman's default place. Raises SettingsError for a file that is none.
    """
    looked: list[str] = []
    notes: list[str] = []
    for place in places(environ, uid=uid):
        document = _document(place)
        if document is None:
            continue
        looked.append(str(place))
        found = _found(document, reference)
        if found is not None:
            user, header = found
            return Credentials(f"the credentials of {user} in {place}", header)
        helper = _helper(document, reference)
        if helper is not None:
            notes.append(f"{place} leaves them to the helper docker-credential-{helper}, which is not supported yet")
    if notes:
        return Credentials("no credentials (" + "; ".join(notes) + ")")
    if looked:
        return Credentials(f"no credentials (none for {reference.registry} in {', '.join(looked)})")
    return Credentials("no credentials (there is neither docker's config.json nor podman's auth.json)")


def places(environ: Mapping[str, str], *, uid: int) -> Iterator[Path]:
    """The files, the most specific first."""
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


def _document(place: Path) -> dict[str, Any] | None:
    try:
        data = place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno is not None and not os.access(place.parent, os.X_OK):
            return None
        raise SettingsError(f"reading credentials: {place}: {error.strerror}", hint="make the file readable") from error
    try:
        document = json.loads(data)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise SettingsError(
            f"reading credentials: {place}, line {line}: this is not JSON", hint="correct it, or log in again"
        ) from error
    return document if isinstance(document, dict) else None


def _keys(reference: Reference) -> Iterator[str]:
    """Under what the credentials may stand, the most specific first."""
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


def _found(document: dict[str, Any], reference: Reference) -> tuple[str, str] | None:
    """User and Authorization header."""
    auths = document.get("auths")
    if not isinstance(auths, dict):
        return None
    for key in _keys(reference):
        entry = auths.get(key)
        if not isinstance(entry, dict):
            continue
        pair = _pair(entry)
        if pair is not None:
            user, password = pair
            encoded = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
            return user, f"Basic {encoded}"
    return None


def _pair(entry: dict[str, Any]) -> tuple[str, str] | None:
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


def _helper(document: dict[str, Any], reference: Reference) -> str | None:
    helpers = document.get("credHelpers")
    if isinstance(helpers, dict):
        for key in _keys(reference):
            if isinstance(helpers.get(key), str):
                return str(helpers[key])
    store = document.get("credsStore")
    return store if isinstance(store, str) and store else None
