"""Failures of HTTP requests as errors with a message and an exit status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from grocker.errors import DeniedError, GrockerError, MissingError, TryAgainError, UnavailableError
from grocker.web.address import redact_url
from grocker.web.broken_connection import BrokenError

if TYPE_CHECKING:
    from grocker.web.raw_response import RawResponse

RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class HttpError(GrockerError):
    """An unexpected answer. Always raised as one of the subclasses, which determine the exit status.

    ``status_code``: the answer's; ``headers``: its headers, by a name in any case; ``detail``: the beginning of its
    body, undecoded; ``url``: of the answer, after redirects, without secrets.
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
    """Anything else: 5xx after the retries, or an unexpected status."""


_KINDS: dict[int, type[HttpError]] = {
    401: HttpDeniedError,
    403: HttpDeniedError,
    407: HttpDeniedError,
    404: HttpMissingError,
    410: HttpMissingError,
    429: HttpTryAgainError,
}


def response_error(
    raw: RawResponse, url: str, action: str, source: str, asked: float | None, detail: bytes
) -> HttpError:
    """Make the error for an unexpected answer.

    ``source``: the credentials sent, in words. ``asked``: seconds that the server asks to wait.
    """
    headers = raw.headers
    message = f"{action}: {redact_url(url)} answered {raw.status} {raw.reason or ''}".rstrip()
    if headers.get("Content-Type", "").startswith("text/plain") and detail:
        said = "".join(c if c.isprintable() else " " for c in detail.decode("utf-8", "replace"))
        message += f": {said.strip()[:200]}"
    hint = None
    if raw.status in (401, 403):
        hint = f"sent: {source}"
    elif asked is not None:
        hint = f"the server asks to wait {asked:.0f} s"
    elif raw.status in RETRIED:
        hint = "try again later"
    kind = _KINDS.get(raw.status, HttpUnavailableError)
    return kind(message, status_code=raw.status, headers=headers, detail=detail, url=redact_url(url), hint=hint)


def retry_after(value: str | None, now: float) -> float | None:
    """Parse a Retry-After header, a number or a date, into seconds from ``now``, which is in seconds since 1970."""
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value.strip(" \t")):
        return float(value.strip(" \t"))
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return None


def translate_failure(error: Exception, shown: str, action: str, via: str) -> Exception:
    """Translate what prevented a response: GrockerError when no retry can help, else BrokenError.

    ``shown``: the URL. ``via``: the proxy in words, if any.
    """
    import socket
    import ssl

    from grocker.web.connection import ConnectTimeoutError, TunnelError
    from grocker.web.raw_response import ResponseError, SlowResponseError

    match error:
        case ssl.SSLCertVerificationError():
            return UnavailableError(
                f"{action}: {shown}: the certificate is not trusted{via}: {error.verify_message}",
                hint="if you trust the server, set SSL_CERT_FILE to the file of its certificate authority",
            )
        case TunnelError(status=407):
            return DeniedError(
                f"{action}: {shown}: the proxy refused the credentials{via}",
                hint="set user:password@ before the proxy's host in that variable",
            )
        case TunnelError():
            return BrokenError(f"the proxy answered {error.status}{via}", 2)
        case socket.gaierror():
            who = "the proxy's name" if via else "the name"
            return BrokenError(f"cannot resolve {who}{via}", 3 if error.errno == socket.EAI_AGAIN else 2)
        case ConnectionRefusedError():
            return BrokenError(f"connection refused{via}", 3)
        case ssl.SSLEOFError():
            return BrokenError(f"the connection was closed without an answer{via}")
        case ssl.SSLError():
            return BrokenError(f"TLS failed{via}: {error.reason or 'no reason given'}", 2)
        case ConnectTimeoutError():
            return BrokenError(f"timeout while connecting{via}", 3)
        case SlowResponseError() | TimeoutError():
            return BrokenError(f"timeout waiting for the answer{via}", 2)
        case ResponseError():
            return BrokenError(f"{error}{via}")
        case OSError(strerror=str(words)) if words:
            return BrokenError(f"{words[:1].lower()}{words[1:]}{via}")
        case _:
            raise error
