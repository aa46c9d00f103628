"""Requests to one repository of one registry, and what a registry's refusals mean."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import Future
from urllib.parse import urljoin, urlsplit

import msgspec

from grocker.errors import DeniedError, GrockerError, UnavailableError
from grocker.oci.reference import HUB, Reference
from grocker.registry import refusal
from grocker.registry.auth import Credentials
from grocker.registry.login import Login
from grocker.web import BodyStream, HttpError, HttpResponse, Transport, is_loopback

STORED = frozenset({200, 201, 202, 204})
"""answers to what stores something: the specification says 201, docker takes others as well, and some registries give
them"""
_HUB_HOST = "registry-1.docker.io"
_ANSWERS = (
    2  # to a 401 of one request: with a first token, then with one for the further scopes that the registry asks for
)


class RepositorySession(msgspec.Struct, frozen=True):
    """One repository, and the authorization for it."""

    transport: Transport
    reference: Reference
    origin: str
    """``https://HOST``; ``http://`` for this machine alone"""
    login: Login
    actions: str
    """what the session is for: ``pull`` or ``pull,push``"""
    part_size: int = 16 << 20
    """bytes of one request when a registry, or a proxy in front of it, refuses a whole blob"""
    sends_whole: bool = True
    """whether a blob is sent in one request at first"""
    answer_seconds: float = 600.0
    """how long the answer may take to a request that makes the registry store or check something, besides
    ``seconds_per_byte``: a registry in front of an object store copies a blob when its upload is closed"""
    seconds_per_byte: float = 1e-6
    early_uploads: deque[Future[str]] = msgspec.field(default_factory=deque)
    """where to send blobs that are not known yet, see ``early_uploads``"""

    def url(self, rest: str) -> str:
        """Make a URL below the repository, as for ``blobs/sha256:…``."""
        return f"{self.origin}/v2/{self.reference.path}/{rest}"

    def upload_location(self, response: HttpResponse, asked: str, action: str) -> str:
        """Return where an upload continues: the Location header, absolute.

        Raises UnavailableError when there is none, or one that would leave HTTPS.
        """
        said = response.headers.get("Location")
        if not said:
            raise UnavailableError(
                f"{action}: the answer from {self.reference.registry} has no Location header",
                hint="check the registry, and any proxy in front of it",
            )
        # Relative to who answered, which is another host after a redirect.
        moved = _origin(response.url) != _origin(asked)
        try:
            target = urljoin(response.url if moved else asked, said)
            parts = urlsplit(target)
            _ = parts.port
        except ValueError as error:
            raise UnavailableError(
                f"{action}: {self.reference.registry} answers with a malformed Location",
                hint="check the registry, and any proxy in front of it",
            ) from error
        if not parts.hostname or (urlsplit(asked).scheme == "https" and parts.scheme != "https"):
            raise UnavailableError(
                f"{action}: {self.reference.registry} asks for an upload over {parts.scheme} instead of https",
                hint="if the registry is behind a proxy, the proxy must set X-Forwarded-Proto",
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
        body: bytes | BodyStream | None = None,
        size: int | None = None,
        attempts: int | None = None,
        reading: Sequence[str] = (),
        stores: int | None = None,
    ) -> HttpResponse:
        """Send a request with the authorization that it needs, which no other host gets.

        ``reading``: other repositories that the request reads from. ``stores``: the number of bytes that the registry
        moves or checks before it answers, which prolongs the wait for the answer; None for ordinary requests.

        Raises what ``translate_error`` returns, and what ``Login.answer`` raises.
        """
        own = _origin(url) == _origin(self.origin)
        scopes = [f"repository:{self.reference.path}:{self.actions}", *(f"repository:{one}:pull" for one in reading)]
        sent = self.login.authorization(scopes) if own else None
        start = body.tell() if body is not None and not isinstance(body, bytes) else 0
        answer_timeout = None if stores is None else self.answer_seconds + stores * self.seconds_per_byte
        answers = 0
        while True:
            try:
                return self.transport.open(
                    method,
                    url,
                    action=action,
                    headers={**(headers or {}), **({"Authorization": sent} if sent else {})},
                    body=body,
                    size=size,
                    accept=accept,
                    netrc=False,
                    attempts=attempts,
                    answer_timeout=answer_timeout,
                )
            except HttpError as error:
                again = None
                # A challenge of another host is not answered: it would say where this registry's credentials go.
                if error.status_code == 401 and own and self._ours(error) and answers < _ANSWERS:
                    again = self.login.answer(error.headers.get("WWW-Authenticate", ""), scopes, sent)
                if again is None:
                    raise self.translate_error(error, action, method, url) from error
                answers += 1
                sent = again
                if body is not None and not isinstance(body, bytes):
                    body.seek(start)

    def _ours(self, error: HttpError) -> bool:
        return _origin(error.url) == _origin(self.origin)

    def translate_error(self, error: HttpError, action: str, method: str, url: str) -> GrockerError:
        """Translate an HTTP error of the request ``method`` ``url``.

        DeniedError for 401 and 403, with the source of the credentials; else see ``refusal.translate``.
        """
        registry = self.reference.registry
        if error.status_code not in (401, 403) or refusal.denies_for_good(error, method, url):
            return refusal.translate(error, action, registry=registry, method=method, url=url)
        where = refusal.describe_answer(error, action)
        if not self._ours(error):
            return DeniedError(
                f"{where}: {registry} redirects to {urlsplit(error.url).hostname}, which asks for credentials; "
                f"those for {registry} were not sent there",
                hint="check the registry's configuration: it must sign the URLs that it redirects to",
            )
        if self.login.has_credentials:
            hint = f"check their permissions, or log in again: docker login {registry}"
        else:
            hint = f"log in: docker login {registry} (or podman login)"
        return DeniedError(f"{where}; sent: {self.login.source}", hint=hint)


def open_session(
    transport: Transport, reference: Reference, find: Callable[[], Credentials], *, actions: str
) -> RepositorySession:
    """Open a session with the repository of ``reference``; ``find`` is called if the registry asks for credentials."""
    host = _HUB_HOST if reference.registry == HUB else reference.registry
    name = urlsplit(f"//{host}").hostname or host
    origin = f"{'http' if is_loopback(name) else 'https'}://{host}"
    return RepositorySession(transport, reference, origin, Login(transport, reference.registry, origin, find), actions)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
