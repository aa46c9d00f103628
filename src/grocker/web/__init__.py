"""The HTTP client: ``Transport.open`` and the errors that it raises."""

from __future__ import annotations

from grocker.web.address import basic_authorization, is_loopback, redact_url
from grocker.web.body import BodyStream
from grocker.web.failure import HttpDeniedError, HttpError, HttpMissingError, HttpTryAgainError, HttpUnavailableError
from grocker.web.response import HttpResponse
from grocker.web.transport import Transport

__all__ = [
    "BodyStream",
    "HttpDeniedError",
    "HttpError",
    "HttpMissingError",
    "HttpResponse",
    "HttpTryAgainError",
    "HttpUnavailableError",
    "Transport",
    "basic_authorization",
    "is_loopback",
    "redact_url",
]
