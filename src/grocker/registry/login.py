"""The authorization for one registry: none until it asks, then Basic credentials or a token for the actions needed.

Sources: Docker Registry v2 authentication via central service, "Token Authentication Specification" and "Token
Authentication via OAuth 2.0"; RFC 6750 (Bearer), RFC 7617 (Basic).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from grocker.decoding import decode_json
from grocker.errors import GrockerError, UnavailableError
from grocker.regex import regex
from grocker.registry import challenge, refusal
from grocker.registry.auth import Credentials
from grocker.registry.refusal import LoginRefusedError
from grocker.web import HttpError, Transport, is_loopback, redact_url

_CLIENT = "grocker"
_LIVES = 60.0  # seconds, when the server does not say (Token Authentication Specification, expires_in)
_LIVES_AT_MOST = 86400.0  # seconds
_EARLY = 10.0  # seconds before its expiry from which a token is not used
_MOST = 1 << 20  # bytes of a token server's answer
_USABLE = regex(r"[\x21-\x7e]+\Z")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class _Token(msgspec.Struct, frozen=True):
    header: str
    until: float
    """by the monotonic clock, seconds"""


class Login:
    """Credentials and tokens for one repository's registry. Thread safe.

    ``registry``: its name, for people; ``origin``: its ``https://HOST``. ``find`` returns the credentials when the
    registry asks for any; it may run a program.
    """

    def __init__(
        self,
        transport: Transport,
        registry: str,
        origin: str,
        find: Callable[[], Credentials],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._registry = registry
        self._origin = origin
        self._find = find
        self._clock = clock
        self._lock = threading.RLock()
        self._found: Credentials | None = None
        self._fixed: str | None = None
        self._bearer: Mapping[str, str] | None = None
        self._tokens: dict[tuple[str, ...], _Token] = {}

    @property
    def source(self) -> str:
        """Where the credentials sent came from, in words."""
        with self._lock:
            return "no credentials" if self._found is None else self._found.source

    @property
    def has_credentials(self) -> bool:
        """Whether the registry asked for credentials, and there were some."""
        with self._lock:
            found = self._found
            return found is not None and bool(found.authorization or found.identity_token or found.registry_token)

    def authorization(self, scopes: Sequence[str]) -> str | None:
        """The Authorization for a request that needs ``scopes``; None as long as the registry has not asked for any."""
        with self._lock:
            if self._fixed is not None or self._bearer is None:
                return self._fixed
            return self._get_token(challenge.merge_scopes(scopes)).header

    def answer(self, asked: str, scopes: Sequence[str], sent: str | None) -> str | None:
        """Make the Authorization that answers a 401 with WWW-Authenticate ``asked``; None if there is nothing to send.

        ``sent``: what the request had. Raises DeniedError when the token server refuses the credentials or its address
        would expose them, else as ``Transport.open``.
        """
        challenges = challenge.parse(asked)
        with self._lock:
            own = self._credentials()
            if own.registry_token is not None:
                if not _USABLE.match(own.registry_token):
                    raise LoginRefusedError(
                        f"{own.source} has characters that are not allowed in an HTTP header",
                        hint=f"log in again: docker login {self._registry}",
                    )
                self._fixed = f"Bearer {own.registry_token}"
                return self._fixed if sent != self._fixed else None
            bearer = next((c for c in challenges if c.scheme == "bearer" and c.parameters.get("realm")), None)
            if bearer is not None:
                return self._renew(bearer.parameters, scopes, sent)
            # A 401 without a challenge violates RFC 9110, section 15.5.2, but such registries exist.
            if own.authorization is None or not (any(one.scheme == "basic" for one in challenges) or not challenges):
                return None
            self._fixed = own.authorization
            return self._fixed if sent != self._fixed else None

    def _credentials(self) -> Credentials:
        if self._found is None:
            self._found = self._find()
        return self._found

    def _renew(self, parameters: Mapping[str, str], scopes: Sequence[str], sent: str | None) -> str:
        """Get a token other than the refused one; another thread may have got it already."""
        self._bearer = parameters
        key = challenge.merge_scopes(scopes)
        kept = self._tokens.get(key)
        if kept is not None and kept.header != sent:
            return kept.header
        self._tokens.pop(key, None)
        return self._get_token(key, parameters.get("scope", "").split()).header

    def _get_token(self, key: tuple[str, ...], more: Sequence[str] = ()) -> _Token:
        """Get the token for the scopes ``key``, and for ``more`` that the registry asked for."""
        kept = self._tokens.get(key)
        if kept is not None and kept.until > self._clock():
            return kept
        assert self._bearer is not None
        began = self._clock()
        text, lives = self._fetch_token(self._bearer, challenge.merge_scopes((*key, *more)))
        token = _Token(f"Bearer {text}", began + max(lives - _EARLY, lives / 2))
        self._tokens[key] = token
        return token

    def _fetch_token(self, parameters: Mapping[str, str], scopes: Sequence[str]) -> tuple[str, float]:
        """Fetch a token from the realm, and the number of seconds that it is valid."""
        realm, host = self._token_server(parameters["realm"])
        action = f"asking {host} for a token for {self._registry}"
        own = self._credentials()
        service = [("service", parameters["service"])] if parameters.get("service") else []
        try:
            if own.identity_token is not None:
                form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", own.identity_token),
                    *service,
                    ("client_id", _CLIENT),
                    ("scope", " ".join(scopes)),
                ]
                data = self._exchange("POST", realm, action, _FORM, urlencode(form).encode())
            else:
                query = [*service, *(("scope", scope) for scope in scopes)]
                headers = {}
                if own.authorization is not None:
                    query += [("account", own.user or ""), ("client_id", _CLIENT)]
                    headers["Authorization"] = own.authorization
                data = self._exchange("GET", _with_query(realm, query), action, headers, None)
        except HttpError as error:
            raise self._refusal(error, action, host, own) from error
        return _parse_token(data, action)

    def _exchange(self, method: str, url: str, action: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        with self._transport.open(
            method,
            url,
            action=action,
            headers=headers,
            body=body,
            size=len(body) if body is not None else None,
            netrc=False,
            redirects=body is None,  # the body has the identity token, which must not go elsewhere
        ) as response:
            return response.read(_MOST)

    def _token_server(self, text: str) -> tuple[str, str]:
        """Check the token server's URL; return it and its host. DeniedError when it is not encrypted."""
        try:
            parts = urlsplit(text)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            parts, host = urlsplit(""), ""
        own = urlsplit(self._origin)
        local = parts.scheme == "http" and is_loopback(host) and is_loopback(own.hostname or "")
        if not host or not (parts.scheme == "https" or local):
            shown = redact_url(text) if host else repr(text[:100])
            raise LoginRefusedError(
                f"logging in to {self._registry}: its token server {shown} is not HTTPS; no credentials were sent",
                hint="check the registry's configuration: the realm must start with https://",
            )
        clean = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, ""))
        return clean, host

    def _refusal(self, error: HttpError, action: str, host: str, own: Credentials) -> GrockerError:
        """Translate a token server's refusal."""
        words = _error_words(error.detail)
        if refusal.is_final(error.status_code):
            said = f"{error.status_code}, {words}" if words else str(error.status_code)
            what = own.source if self.has_credentials else f"a request with {own.source}"
            return LoginRefusedError(
                f"logging in to {self._registry}: {host} refused {what}: {said}",
                hint=f"log in again: docker login {self._registry} (or podman login)",
            )
        kind = type(error)
        return kind(
            f"{action}: {error.status_code}" + (f", {words}" if words else ""),
            status_code=error.status_code,
            headers=error.headers,
            detail=error.detail,
            url=error.url,
            hint=error.hint or "the token server failed; try again later",
        )


def _with_query(url: str, query: Sequence[tuple[str, str]]) -> str:
    parts = urlsplit(url)
    return urlunsplit(
        parts._replace(
            query=urlencode([*parse_qsl(parts.query, keep_blank_values=True), *query], errors="surrogateescape")
        )
    )


def _parse_token(data: bytes, action: str) -> tuple[str, float]:
    """Read the token from a token server's answer, and the seconds that it is valid."""
    try:
        document = decode_json(data)
        text = document.get("token") or document.get("access_token")
        lives = document.get("expires_in")
    except (ValueError, AttributeError):
        text, lives = None, None
    if not isinstance(text, str) or not _USABLE.match(text):
        raise UnavailableError(f"{action}: the answer has no token", hint="check the token server's log")
    # Longer than a day is no promise that anybody relies on, and an integer may be larger than any float.
    return text, float(min(lives, _LIVES_AT_MOST)) if isinstance(lives, int | float) and lives > 0 else _LIVES


def _error_words(detail: bytes) -> str:
    """Read a token server's own message: an OAuth error, a registry's error document, or ``details``."""
    try:
        document = decode_json(detail)
    except ValueError:
        return ""
    found: list[str] = []
    if isinstance(document, dict):
        errors = document.get("errors")
        for one in (errors if isinstance(errors, list) else [document])[:3]:
            if isinstance(one, dict):
                keys = ("code", "error", "message", "error_description", "details")
                found.append(": ".join(str(one[key]) for key in keys if isinstance(one.get(key), str) and one[key]))
    return "".join(c if c.isprintable() else " " for c in "; ".join(text for text in found if text))[:300]
