"""The HTTP transport: pooled, thread safe, retrying, and silent about secrets.

Retried: connection failures and 408, 429, 500, 502, 503, 504, with capped exponential back-off, jitter and
``Retry-After`` (RFC 9110, section 10.2.3). A truncated body is detected (RFC 9112, section 8) and, for a GET, resumed
with ``Range``. Redirects never carry credentials to another origin, and never leave HTTPS; 307 and 308 are
followed with method and body.
Connections are imported when the first request is made: a build in which nothing changed makes none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

from grocker import __version__
from grocker.errors import CorruptError, GrockerError, SettingsError, UnavailableError
from grocker.web.address import basic_authorization, redact_url
from grocker.web.broken_connection import BrokenError
from grocker.web.failure import RETRIED, HttpError, response_error, retry_after, translate_failure
from grocker.web.host import find_proxy, load_trust, read_netrc
from grocker.web.response import HttpResponse, read_beginning, release_connection, resume

if TYPE_CHECKING:
    from ssl import SSLContext

    from grocker.web.body import BodyStream
    from grocker.web.connection import Connections, Endpoint
    from grocker.web.raw_response import RawResponse

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD = frozenset({307, 308})  # RFC 9110, section 15.4.8
_MOST_REDIRECTS = 10
_REDIRECT = "check the server, and any proxy in front of it"
_LONGEST_WAIT = 30.0  # seconds; a server that asks for more gets an error that says so


class _Count:
    """How often a request was sent, including this time, and how often it may be."""

    def __init__(self, most: int, sent: int = 1) -> None:
        self.most = most
        self.sent = sent


class Transport:
    """The client for all HTTP requests; used with ``with``; thread safe.

    ``environ``: proxies, trust and ``~/.netrc`` are found through it. ``attempts``: in all, for one request.
    Timeouts in seconds. ``backoff``: seconds before the second attempt, doubled for each further one.
    ``sleep`` and ``clock``: wait for seconds, and tell seconds since 1970; for tests.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        attempts: int = 5,
        connect_timeout: float = 10,
        read_timeout: float = 60,
        backoff: float = 0.25,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._environ = environ
        self._attempts = attempts
        self._timeouts = (connect_timeout, read_timeout)
        self._backoff = backoff
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._connections: Connections | None = None
        self._trust: SSLContext | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connections is not None:
            self._connections.close()

    def open(
        self,
        method: str,
        url: str,
        *,
        action: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | BodyStream | None = None,
        accept: Container[int] = (200,),
        size: int | None = None,
        netrc: bool = True,
        attempts: int | None = None,
        redirects: bool = True,
        answer_timeout: float | None = None,
    ) -> HttpResponse:
        """Send a request and return the answer when its status is in ``accept``.

        ``action``: what is being done, in the present participle, for every error ("fetching the index of trixie").
        ``url``: http or https; ``user:password@`` in it is sent as Basic credentials. ``body``: a stream, read from its
        current position, closed by the caller; sent again after a failure when it is seekable. ``size``: bytes of the
        body; without it a stream is sent chunked. ``netrc``: whether credentials may come from the user's ``~/.netrc``.
        ``attempts``: for this request, when more than one request is repeated (see ``pause``). ``redirects``: whether
        they are followed; False where the body is a secret. ``answer_timeout``: seconds to wait for the answer, if
        more than the transport's read timeout, for requests that mean work for the server.
        Raises HttpError for another status, UnavailableError when there is no answer, DeniedError and
        UnavailableError for proxies, SettingsError for an address or trust file that cannot be used.
        """
        sent = {"User-Agent": f"grocker/{__version__}", "Accept-Encoding": "identity", **(headers or {})}
        url, source = self._authorize(url, sent, netrc, action)
        if size is not None:
            sent["Content-Length"] = str(size)
        start = body.tell() if body is not None and not isinstance(body, bytes) and body.seekable() else None
        repeatable = body is None or isinstance(body, bytes) or start is not None
        count = _Count((attempts or self._attempts) if repeatable else 1)

        def send(extra: Mapping[str, str]) -> tuple[RawResponse, str]:
            return self._follow(method, url, action, {**sent, **extra}, body, start, accept, redirects, answer_timeout)

        raw, place = self._send_until_accepted(send, count, accept, url, action, source)

        def again(done: int, failure: BrokenError) -> RawResponse:
            return self._resume(lambda extra: send(extra)[0], count, raw, done, f"{action}: {redact_url(url)}", failure)

        resumable = method == "GET" and raw.status == 200
        return HttpResponse(raw, place, action, again if resumable else None, patience=self._timeouts[1])

    def _send_until_accepted(
        self,
        send: Callable[[Mapping[str, str]], tuple[RawResponse, str]],
        count: _Count,
        accept: Container[int],
        url: str,
        action: str,
        source: str,
    ) -> tuple[RawResponse, str]:
        """Send until an answer is accepted; return it and where it came from. ``source``: of the credentials."""
        while True:
            try:
                raw, place = send({})
            except BrokenError as failure:
                if count.sent >= min(count.most, failure.attempts or count.most):
                    raise self._unreachable(url, action, failure.reason) from failure
                self._wait(count, None)
                continue
            if raw.status in accept:
                return raw, place
            asked = retry_after(raw.headers.get("Retry-After"), self._clock())
            last = raw.status not in RETRIED or count.sent >= count.most or (asked or 0.0) > _LONGEST_WAIT
            if last:
                raise response_error(raw, place, action, source, asked, read_beginning(raw))
            release_connection(raw)
            self._wait(count, asked)

    def _resume(
        self,
        send: Callable[[Mapping[str, str]], RawResponse],
        count: _Count,
        first: RawResponse,
        done: int,
        action: str,
        failure: BrokenError,
    ) -> RawResponse:
        """Resume the body of ``first`` at byte ``done``, where it broke."""
        while count.sent < min(count.most, failure.attempts or count.most):
            self._wait(count, None)
            try:
                return resume(send, first, done)
            except BrokenError as another:
                failure = another
        raise UnavailableError(f"{action}: {failure.reason} after {done} bytes", hint="try again")

    def _authorize(self, url: str, headers: dict[str, str], netrc: bool, action: str) -> tuple[str, str]:
        """Move credentials from the URL to ``headers``; return the URL without them, and their source in words."""
        try:
            parts = urlsplit(url)
            host = parts.hostname
            _ = parts.port
        except ValueError:
            parts, host = SplitResult("", "", "", "", ""), None
        if parts.scheme not in ("http", "https") or not host:
            raise SettingsError(
                f"{action}: {redact_url(url) if host else 'the URL'} is not http or https",
                hint="give an https:// or http:// URL",
            )
        clean = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, ""))
        if any(name.lower() == "authorization" for name in headers):
            return clean, "the credentials given"
        if parts.username is not None:
            headers["Authorization"] = basic_authorization(unquote(parts.username), unquote(parts.password or ""))
            return clean, "the credentials in the address"
        if not netrc:
            return clean, "no credentials"
        found, source = read_netrc(self._environ, host)
        if found is not None:
            headers["Authorization"] = found
        return clean, source

    def _follow(
        self,
        method: str,
        url: str,
        action: str,
        headers: Mapping[str, str],
        body: bytes | BodyStream | None,
        start: int | None,
        accept: Container[int],
        redirects: bool,
        answer_timeout: float | None,
    ) -> tuple[RawResponse, str]:
        """``start``: where a body begins that can be read again."""
        again = _REDIRECTS if method in ("GET", "HEAD") else _SAME_METHOD
        if not redirects or (body is not None and not isinstance(body, bytes) and start is None):
            again = frozenset()
        for _ in range(_MOST_REDIRECTS):
            if start is not None and body is not None and not isinstance(body, bytes):
                body.seek(start)
            raw = self._send(method, url, action, headers, body, answer_timeout)
            target = raw.headers.get("Location")
            if raw.status in accept or raw.status not in again or not target:
                return raw, url
            release_connection(raw)
            try:
                old, new = urlsplit(url), urlsplit(urljoin(url, target))
                _ = new.port
            except ValueError as error:
                raise UnavailableError(
                    f"{action}: {redact_url(url)} redirects to a malformed address", hint=_REDIRECT
                ) from error
            if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme != "https"):
                raise UnavailableError(
                    f"{action}: {redact_url(url)} redirects to {redact_url(new.geturl())}, which is not HTTPS",
                    hint=_REDIRECT,
                )
            if (old.scheme, old.hostname, old.port) != (new.scheme, new.hostname, new.port):
                headers = {k: v for k, v in headers.items() if k.lower() not in ("authorization", "cookie")}
            url = urlunsplit((new.scheme, new.netloc.rpartition("@")[2], new.path or "/", new.query, ""))
        raise UnavailableError(f"{action}: {redact_url(url)}: more than {_MOST_REDIRECTS} redirects", hint=_REDIRECT)

    def _send(
        self,
        method: str,
        url: str,
        action: str,
        headers: Mapping[str, str],
        body: bytes | BodyStream | None,
        answer_timeout: float | None,
    ) -> RawResponse:
        from grocker.web.body import BodyError
        from grocker.web.connection import Endpoint, HeaderError, HostError

        parts = urlsplit(url)
        address, variable = find_proxy(self._environ, parts)
        via = f" through the proxy {redact_url(address)} ({variable})" if address else ""
        connect, read = self._timeouts
        try:
            server = Endpoint.of(parts.scheme, parts.hostname or "", parts.port)
        except HostError as error:
            hint = "fix the URL" if url.isascii() else "fix the URL; write names of hosts in ASCII (xn--…)"
            raise SettingsError(f"{action}: {redact_url(url)} is not a valid URL", hint=hint) from error
        proxy = _proxy(address, variable, action) if address else None
        has_tls = "https" in (server.scheme, proxy.scheme if proxy else "")
        try:
            return self._connected(connect).send(
                method,
                server,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                headers,
                body,
                proxy=proxy,
                context=self._trusted(action) if has_tls else None,
                seconds=max(read, answer_timeout or 0.0),
            )
        except HeaderError:
            raise SettingsError(
                f"{action}: {redact_url(url)}: the address or the credentials have characters that HTTP does not "
                "permit",
                hint="percent-encode them, or fix the credentials",
            ) from None
        except BodyError as error:
            raise CorruptError(f"{action}: {error}", hint="check the disk of the cache, and build again") from error
        except GrockerError:
            raise
        except Exception as error:
            raise translate_failure(error, redact_url(url), action, via) from error

    def _connected(self, seconds: float) -> Connections:
        from grocker.web.connection import Connections

        with self._lock:
            if self._connections is None:
                self._connections = Connections(seconds)
            return self._connections

    def _trusted(self, action: str) -> SSLContext:
        with self._lock:
            if self._trust is None:
                self._trust = load_trust(self._environ, action)
                self._trust.set_alpn_protocols(["http/1.1"])
            return self._trust

    def pause(self, attempt: int, error: GrockerError) -> bool:
        """Wait before another attempt at something that takes several requests; False when there should be none.

        ``attempt``: how many attempts were made. ``error``: what ended the last one.
        """
        asked = None
        if isinstance(error, HttpError):
            asked = retry_after(error.headers.get("Retry-After"), self._clock())
            if error.status_code not in RETRIED or (asked or 0.0) > _LONGEST_WAIT:
                return False
        elif not isinstance(error, UnavailableError):
            return False
        if attempt >= self._attempts:
            return False
        self._wait(_Count(self._attempts, attempt), asked)
        return True

    def _wait(self, count: _Count, asked: float | None) -> None:
        """Wait before the next attempt, and count it; ``asked``: seconds that the server asks for, if any."""
        import random

        delay = min(self._backoff * 2 ** (count.sent - 1), _LONGEST_WAIT) * random.uniform(0.5, 1.0)  # noqa: S311
        count.sent += 1
        self._sleep(max(delay, asked or 0.0))

    def _unreachable(self, url: str, action: str, reason: str) -> UnavailableError:
        proxy, variable = find_proxy(self._environ, urlsplit(url))
        if proxy:
            hint = f"check {variable}, or add {urlsplit(url).hostname} to NO_PROXY"
        else:
            hint = "check the URL and the network"
        return UnavailableError(f"{action}: {redact_url(url)}: {reason}", hint=hint)


def _proxy(address: str, variable: str, action: str) -> Endpoint:
    """Parse a proxy's address, which ``variable`` has. Raises SettingsError."""
    from grocker.web.connection import Endpoint, HostError

    try:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") and parts.hostname:
            secret = None
            if parts.username is not None:
                secret = basic_authorization(unquote(parts.username), unquote(parts.password or ""))
            return Endpoint.of(parts.scheme, parts.hostname, parts.port, secret)
    except (ValueError, HostError):
        pass
    raise SettingsError(
        f"{action}: unsupported proxy {redact_url(address)} ({variable})",
        hint=f"set {variable} to an http:// or https:// proxy, or unset it",
    )
