"""Network settings from the environment: proxies, trusted certificate authorities, ``~/.netrc``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from grocker.errors import SettingsError
from grocker.web.address import basic_authorization, is_loopback

if TYPE_CHECKING:
    from ssl import SSLContext

_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")


def find_proxy(environ: Mapping[str, str], parts: SplitResult) -> tuple[str | None, str]:
    """Find the proxy for a URL and the variable that names it; never one for this machine itself, as in Go and curl."""
    host = parts.hostname or ""
    if is_loopback(host):
        return None, ""
    for variable in (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
        value = environ.get(variable, "").strip()
        if value:
            break
    else:
        return None, ""
    for one in (environ.get("no_proxy") or environ.get("NO_PROXY") or "").lower().split(","):
        if _is_exempt(one.strip(), host.lower(), parts.port or (443 if parts.scheme == "https" else 80)):
            return None, ""
    return value if "://" in value else f"http://{value}", variable


def _is_exempt(pattern: str, host: str, port: int) -> bool:
    """Whether an item of NO_PROXY covers a host: ``*``, a name and all below it, ``host:port``, address or network."""
    if pattern == "*":
        return True
    if "/" in pattern:
        import ipaddress

        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            return False
    if pattern.count(":") == 1:
        pattern, _, only = pattern.partition(":")
        if only != str(port):
            return False
    pattern = pattern.removeprefix("*").lstrip(".").strip("[]")
    return bool(pattern) and (host == pattern or host.endswith("." + pattern))


def load_trust(environ: Mapping[str, str], action: str) -> SSLContext:
    """Load the trusted certificate authorities: the file or directory that a variable names, else the system's."""
    import ssl

    for variable in _TRUST:
        if place := environ.get(variable):
            try:
                if Path(place).is_dir():
                    return ssl.create_default_context(capath=place)
                return ssl.create_default_context(cafile=place)
            except (OSError, ssl.SSLError) as error:
                raise SettingsError(
                    f"{action}: cannot read certificates from {place} ({variable}): {error.strerror}",
                    hint=f"correct or unset {variable}",
                ) from error
    return ssl.create_default_context()


def read_netrc(environ: Mapping[str, str], host: str) -> tuple[str | None, str]:
    """Read the Authorization for ``host`` from ``NETRC`` or ``~/.netrc``, and say in words what was found."""
    place = environ.get("NETRC") or (f"{environ['HOME']}/.netrc" if environ.get("HOME") else "")
    if not place or not Path(place).is_file():
        return None, "no credentials"
    import netrc

    try:
        found = netrc.netrc(place).authenticators(host)
    except netrc.NetrcParseError as error:
        return None, f"no credentials ({place} cannot be read: line {error.lineno})"
    except (OSError, UnicodeDecodeError):
        return None, f"no credentials ({place} cannot be read)"
    if found is None:
        return None, "no credentials"
    return basic_authorization(found[0], found[2] or ""), f"the credentials in {place}"
