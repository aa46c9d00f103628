"""Ten kilobytes for every request."""

from __future__ import annotations

from collections.abc import Callable, Iterable

_BODY = b"0123456789" * 1024


def application(_environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    """WSGI."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(_BODY)))])
    return [_BODY]
