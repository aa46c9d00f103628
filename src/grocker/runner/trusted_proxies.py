"""GROCKER_TRUSTED_PROXIES: whose word about a client counts. Contract: X1."""

from __future__ import annotations

from .failure import CONFIGURATION, Failure

VARIABLE = "GROCKER_TRUSTED_PROXIES"
ANYBODY = "*"


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
