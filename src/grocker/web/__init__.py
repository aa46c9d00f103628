"""HTTP, for everyone: ``Transport.open`` and the errors that it raises."""

from __future__ import annotations

from grocker.web.address import basic, loopback, public
from grocker.web.failure import HttpDeniedError, HttpError, HttpMissingError, HttpTryAgainError, HttpUnavailableError
from grocker.web.transport import Response, Transport

__all__ = [
    "HttpDeniedError",
    "HttpError",
    "HttpMissingError",
    "HttpTryAgainError",
    "HttpUnavailableError",
    "Response",
    "Transport",
    "basic",
    "loopback",
    "public",
]
