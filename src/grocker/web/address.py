"""URLs without their secrets, hosts that are this machine, Basic credentials."""

from __future__ import annotations

import base64
import re
from urllib.parse import urlsplit, urlunsplit

from grocker.regex import regex

_UNENCODED = regex(r"(?<=://)[^/@:]*:(?!\d{1,5}/).*@")
"""a user and a password that holds a slash, which nobody encoded"""


def redact_url(url: str) -> str:
    """Redact ``url`` for messages: drop user, password, query (which may have a signature) and fragment."""
    try:
        parts = urlsplit(_UNENCODED.sub("", url))
    except ValueError:
        return "(malformed address)"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_loopback(host: str) -> bool:
    """Whether ``host`` (no port, no brackets) is this machine: ``localhost``, 127.0.0.0/8 or ``::1``."""
    return host.lower() == "localhost" or host == "::1" or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def basic_authorization(user: str, password: str) -> str:
    """Make the value of an Authorization header (RFC 7617). Surrogates stand for bytes that are not UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode("ascii")
