"""Requests to one repository of one registry, and what a registry's refusals mean."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from grocker.errors import CorruptError, DeniedError, GrockerError, MissingError, UnavailableError
from grocker.oci.reference import HUB, Reference
from grocker.registry.auth import Credentials
from grocker.web import HttpError, Response, Stream, Transport, loopback

_HUB_HOST = "registry-1.docker.io"
_WRONG_BYTES = frozenset({"DIGEST_INVALID", "SIZE_INVALID"})


@dataclass(frozen=True, slots=True)
class Session:
    """One repository, and the right to it."""

    transport: Transport
    reference: Reference
    credentials: Credentials

    @property
    def origin(self) -> str:
        """``https://HOST``; ``http://`` for this machine alone."""
        host = _HUB_HOST if self.reference.registry == HUB else self.reference.registry
        name = urlsplit(f"//{host}").hostname or host
        return f"{'http' if loopback(name) else 'https'}://{host}"

    def url(self, rest: str) -> str:
        """An address below the repository: ``blobs/sha256:…``."""
        return f"{self.origin}/v2/{self.reference.path}/{rest}"

    def location(self, response: Response, asked: str, action: str) -> str:
        """Where an upload goes on: the Location header, absolute.

        Raises UnavailableError when there is none, or one that would leave HTTPS.
        """
        said = response.headers.get("Location")
        if not said:
            raise UnavailableError(f"{action}: {self.reference.registry} did not say where to send the bytes")
        target = urljoin(asked, said)
        if urlsplit(asked).scheme == "https" and urlsplit(target).scheme != "https":
            raise UnavailableError(
                f"{action}: {self.reference.registry} wants the bytes over {urlsplit(target).scheme}, not https",
                hint="the registry behind a proxy must be told its own address (X-Forwarded-Proto)",
            )
        return target

    def send(
        self,
        method: str,
        url: str,
        *,
        action: str,
        accept: Container[int],
        headers: Mapping[str, str] | None = None,
        body: bytes | Stream | None = None,
        size: int | None = None,
        attempts: int | None = None,
    ) -> Response:
        """A request with the credentials, which no other host gets. Raises as ``refused`` says."""
        sent = dict(headers or {})
        if self.credentials.authorization and _origin(url) == _origin(self.origin):
            sent["Authorization"] = self.credentials.authorization
        try:
            return self.transport.open(
                method,
                url,
                action=action,
                headers=sent,
                body=body,
                size=size,
                accept=accept,
                netrc=False,
                attempts=attempts,
            )
        except HttpError as error:
            raise self.refused(error, action) from error

    def refused(self, error: HttpError, action: str) -> GrockerError:
        """What an HTTP error of a registry means.

        DeniedError for 401 and 403, with the source of the credentials; MissingError for 404; CorruptError when the
        bytes that arrived are not those that were announced; else the error itself, with the registry's words.
        """
        codes, words = _said(error.detail)
        where = f"{action}: {error.status_code}" + (f", {words}" if words else "")
        status = error.status_code
        if status in (401, 403):
            challenge = error.headers.get("WWW-Authenticate", "") or error.headers.get("Www-Authenticate", "")
            if status == 401 and challenge.lower().startswith("bearer"):
                return DeniedError(
                    f"{where}: {self.reference.registry} wants token authentication, which is not supported yet",
                    hint="push to a registry with Basic authentication, or write oci:DIR and copy it with skopeo",
                )
            if self.credentials.authorization is None:
                hint = f"log in: docker login {self.reference.registry} (or podman login)"
            else:
                hint = f"see whether they may push there, or log in again: docker login {self.reference.registry}"
            return DeniedError(f"{where}; sent: {self.credentials.source}", hint=hint)
        if status == 404:
            return MissingError(where, hint="check the repository's name; some registries want it created first")
        if codes & _WRONG_BYTES:
            return CorruptError(where, hint="bytes were changed on their way; try again")
        kind = type(error)
        return kind(
            where,
            status_code=status,
            headers=error.headers,
            detail=error.detail,
            hint=error.hint or "see the registry's log",
        )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _said(detail: bytes) -> tuple[frozenset[str], str]:
    """Codes and words of an error document (distribution-spec, Error Codes)."""
    try:
        errors = json.loads(detail)["errors"]
        listed = [one for one in errors if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError):
        return frozenset(), ""
    codes = frozenset(str(one.get("code", "")) for one in listed)
    texts: list[str] = []
    for one in listed[:3]:
        parts = [str(one[key]) for key in ("code", "message") if one.get(key)]
        if isinstance(one.get("detail"), str):
            parts.append(str(one["detail"]))
        texts.append(": ".join(parts))
    return codes, re.sub(r"[^\x20-\x7e\u00a0-\uffff]+", " ", "; ".join(texts))[:300]
