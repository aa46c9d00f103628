"""The proxies whose headers about a client are believed. Contract: X1."""

from __future__ import annotations

from ..base.failure import CONFIGURATION, Failure, warn
from ..base.value import TYPE_CHECKING
from ..contract.names import GROCKER_TRUSTED_PROXIES

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVERS_OWN = "FORWARDED_ALLOW_IPS"  # of gunicorn and uvicorn
ANY = "*"


def trusted_proxies(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the operator's setting; warn about the server's own variable, which has no effect. Raises Failure (78)."""
    if environ.get(_SERVERS_OWN):
        warn(f"{_SERVERS_OWN} has no effect; set {GROCKER_TRUSTED_PROXIES} instead")
    return parse_networks(environ.get(GROCKER_TRUSTED_PROXIES, ""))


def parse_networks(text: str) -> tuple[str, ...]:
    """Parse addresses and networks separated by commas or blanks, or ``*``; normalize them. Raises Failure (78)."""
    words = text.replace(",", " ").split()
    if not words:
        return ()
    import ipaddress

    found = []
    for word in words:
        if word == ANY:
            return (ANY,)
        try:
            found.append(str(ipaddress.ip_network(word.replace("%", "!"), strict=False)))  # a network has no zone
        except ValueError:
            raise Failure(
                CONFIGURATION,
                f"{GROCKER_TRUSTED_PROXIES}: not a network: {word!r}; use addresses and networks such as "
                "10.0.0.0/8, or * for any peer",
            ) from None
    return tuple(found)
