"""What goes wrong between two machines, in words, and with an exit status."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from grocker.errors import DeniedError, GrockerError, MissingError, TryAgainError, UnavailableError
from grocker.web.address import public

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class HttpError(GrockerError):
    """An answer that was not accepted. Always raised as one of the subclasses, which give the exit status.

    ``status_code``: the answer's; ``headers``: its headers, by a name in any case; ``detail``: the beginning of its
    body, undecoded; ``url``: who answered, after redirects, without secrets.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        headers: Mapping[str, str],
        detail: bytes,
        url: str,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status_code = status_code
        self.headers = headers
        self.detail = detail
        self.url = url


class HttpDeniedError(HttpError, DeniedError):
    """401, 403 or 407."""


class HttpMissingError(HttpError, MissingError):
    """404 or 410."""


class HttpTryAgainError(HttpError, TryAgainError):
    """429, after the retries."""


class HttpUnavailableError(HttpError, UnavailableError):
    """Anything else: 5xx after the retries, or a status that nobody expected."""


_KINDS: dict[int, type[HttpError]] = {
    401: HttpDeniedError,
    403: HttpDeniedError,
    407: HttpDeniedError,
    404: HttpMissingError,
    410: HttpMissingError,
    429: HttpTryAgainError,
}


class BrokenError(Exception):
    """A connection that failed or was cut: ``reason`` in words; ``attempts`` that it is worth in all, None for all."""

    def __init__(self, reason: str, attempts: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.attempts = attempts


def refused(raw: BaseHTTPResponse, url: str, action: str, source: str, asked: float | None, detail: bytes) -> HttpError:
    """The error for an answer that was not accepted. ``source``: the credentials sent, in words; ``asked``: seconds."""
    headers = raw.headers
    message = f"{action}: {public(url)} answered {raw.status} {raw.reason or ''}".rstrip()
    if headers.get("Content-Type", "").startswith("text/plain") and detail:
        said = "".join(c if c.isprintable() else " " for c in detail.decode("utf-8", "replace"))
        message += f": {said.strip()[:200]}"
    hint = None
    if raw.status in (401, 403):
        hint = f"{source} were sent"
    elif asked is not None:
        hint = f"the server asks to wait {asked:.0f} s"
    elif raw.status in RETRIED:
        hint = "try again later"
    kind = _KINDS.get(raw.status, HttpUnavailableError)
    return kind(message, status_code=raw.status, headers=headers, detail=detail, url=public(url), hint=hint)


def retry_after(value: str | None) -> float | None:
    """Seconds, from the number or the date of a Retry-After header."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def broken(error: Exception, shown: str, action: str, via: str) -> Exception:
    """What urllib3 raised before there was an answer, in words; a GrockerError when no retry can help."""
    from urllib3 import exceptions

    proxied = isinstance(error, exceptions.ProxyError)
    cause: BaseException | None = error
    seen: list[BaseException] = []
    while cause is not None and cause not in seen:
        seen.append(cause)
        original = getattr(cause, "original_error", None)
        cause = original if isinstance(original, BaseException) else cause.__cause__ or cause.__context__
    import socket
    import ssl

    for one in seen:
        if isinstance(one, ssl.SSLCertVerificationError):
            return UnavailableError(
                f"{action}: {shown}: the certificate is not trusted{via}: {one.verify_message}",
                hint="if this server is yours, name its authority's file in SSL_CERT_FILE",
            )
    text = " ".join(str(one) for one in seen)
    if via and "407" in text:
        return DeniedError(
            f"{action}: {shown}: the proxy wants other credentials{via}",
            hint="put user:password@ before the proxy's host in that variable",
        )
    if via and (refused := re.search(r"Tunnel connection failed: (\d+)", text)):
        return BrokenError(f"the proxy answered {refused[1]}{via}", 2)
    for one in seen:
        if isinstance(one, socket.gaierror):
            who = "the proxy's name" if proxied else "the name"
            return BrokenError(f"{who} cannot be resolved{via}", 3 if one.errno == socket.EAI_AGAIN else 2)
        if isinstance(one, ConnectionRefusedError):
            return BrokenError(f"connection refused{via}", 3)
        if isinstance(one, ssl.SSLError):
            return BrokenError(f"TLS failed{via}: {one.reason or 'no reason given'}", 2)
    for one in seen:
        if isinstance(one, exceptions.ReadTimeoutError):
            return BrokenError(f"no answer within the time allowed{via}")
        # urllib3 derives NewConnectionError from ConnectTimeoutError, whatever made the connection fail.
        if isinstance(one, (exceptions.ConnectTimeoutError, TimeoutError)) and not isinstance(
            one, exceptions.NewConnectionError
        ):
            return BrokenError(f"no connection within the time allowed{via}", 3)
        if isinstance(one, OSError) and one.strerror:
            return BrokenError(f"{one.strerror[:1].lower()}{one.strerror[1:]}{via}")
    return BrokenError(f"the connection was closed without an answer{via}")
