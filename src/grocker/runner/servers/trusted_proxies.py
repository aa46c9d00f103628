"""GROCKER_TRUSTED_PROXIES: whose word about a client counts. Contract: X1."""

from __future__ import annotations

from ..base.failure import CONFIGURATION, Failure, warn
from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_SERVERS = "FORWARDED_ALLOW_IPS"  # gunicorn's and uvicorn's own
VARIABLE = "GROCKER_TRUSTED_PROXIES"
ANYBODY = "*"


def trusted(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What the operator says, with a warning where they say it to the server instead. Raises Failure (78)."""
    if environ.get(_OF_SERVERS):
        warn(f"{_OF_SERVERS} counts for nothing here: {VARIABLE} names the proxies that are believed")
    return networks(environ.get(VARIABLE, ""))


def networks(text: str) -> tuple[str, ...]:
    """Addresses and networks with commas or blanks between, or ``*``; in their usual spelling. Raises Failure (78)."""
    words = text.replace(",", " ").split()
    if not words:
        return ()
    import ipaddress

    found = []
    for word in words:
        if word == ANYBODY:
            return (ANYBODY,)
        try:
            found.append(str(ipaddress.ip_network(word.replace("%", "!"), strict=False)))  # a zone is no network's
        except ValueError:
            raise Failure(
                CONFIGURATION,
                f"{VARIABLE}: {word!r} is no network: write addresses and networks, as 10.0.0.0/8, or * for any peer",
            ) from None
    return tuple(found)
