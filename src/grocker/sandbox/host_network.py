"""What a command with a network needs of this host: names, certificates, proxies, and npm's registries.

Nothing else of the host reaches it. Secrets are in variables only, never in a file, and are known, so that whoever runs
the command can keep them out of messages and results. Sources: npmrc(5), npm-config(7), resolv.conf(5).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import msgspec

from grocker import local_file
from grocker.regex import regex

_NAMES = ("resolv.conf", "hosts")
"""files in /etc that say how names are resolved"""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_TRUST = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
_SYSTEM_TRUST = ("ssl/certs/ca-certificates.crt", "pki/tls/certs/ca-bundle.crt", "ssl/cert.pem")
"""files in /etc with the certificate authorities of the host"""
_BUNDLE = "ssl/certs/ca-certificates.crt"
_TRUSTED_FROM = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO")
_CERTIFICATE = regex(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_NPMRC = "grocker.npmrc"
"""in /etc: npm refuses one file in two roles, and /etc/npmrc is Debian's global one"""
_GLOBAL_NPMRC = ("usr/etc/npmrc", "usr/local/etc/npmrc", "etc/npmrc")
_NPM_PREFIX = "npm_config_"
_KEYS = frozenset({"registry", "proxy", "https-proxy", "noproxy", "strict-ssl", "replace-registry-host", "always-auth"})
"""of npm's configuration: where its packages come from"""
_SECRET_KEYS = frozenset({"_auth", "_authtoken", "_password"})
_ACCESS = regex(r"//[^\s=]+:(?:_authToken|_auth|_password|username|email|always-auth)\Z")
_ADDRESS = regex(r"https?://(?:[!-<>-~])+")
"""of a registry: it becomes part of a line, before its first ="""
_URL = regex(r"(?P<scheme>\w+://)(?:(?P<user>[^/?#]*)@)?(?P<host>[^/?#@]*)(?P<path>.*)", re.DOTALL)
_REFERENCE = regex(r"\$\{(?P<name>[^}?]+)\??\}")
_SHORTEST = 4
"""characters of a secret: hiding a shorter one would hide half of every text"""
_TOKEN = 12
"""characters of a token that stands where the name of a user does"""


class HostNetwork(msgspec.Struct, frozen=True):
    """What a sandbox gets of the host's network."""

    files: Mapping[str, bytes]
    """by path below /etc"""
    environment: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    """texts that must not be in any message or result"""


def read_host_network(environ: Mapping[str, str], project: Iterable[Path] = (), root: Path = Path("/")) -> HostNetwork:
    """Read the network configuration of this host's user.

    ``project``: the project's own ``.npmrc`` files; of those that hold credentials only these count, because the file
    itself is not given away. ``root``: where ``/etc`` is.
    """
    settings = _read_npm(environ, project, root)
    variables = {
        name: value for one in _PROXIES for name in (one, one.upper()) if (value := environ.get(name, "").strip())
    }
    secrets = [found for value in variables.values() for found in _url_secrets(value)]
    lines: list[str] = []
    for key, value in settings.items():
        if key in ("cafile", "ca"):
            continue
        text, hidden = _without_secrets(key, value)
        lines += text
        for name, secret in hidden.items():
            place = f"GROCKER_NPM_{len(variables)}"
            lines = [line.replace(name, "${" + place + "}") for line in lines]
            variables[place] = secret
            secrets += _forms(secret)
    for path in project:
        for match in _REFERENCE.finditer(_text(path)):
            if given := environ.get(match["name"]):
                variables[match["name"]] = given
                secrets += _forms(given)
    etc = root / "etc"
    files = {name: data for name in _NAMES if (data := _bytes(etc / name))}
    bundle = _certificates(environ, settings, etc)
    if bundle:
        files[_BUNDLE] = bundle
        variables |= dict.fromkeys(_TRUSTED_FROM, f"/etc/{_BUNDLE}")
        lines.append(f"cafile=/etc/{_BUNDLE}")
    files[_NPMRC] = "".join(f"{line}\n" for line in lines).encode()
    variables["npm_config_userconfig"] = f"/etc/{_NPMRC}"
    return HostNetwork(
        files, variables, tuple(sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len)[::-1])
    )


def holds_npm_credentials(path: Path) -> bool:
    """Whether an ``.npmrc`` has a password or token; the name of a variable is none."""
    for key, value in _parse(_text(path)).items():
        name = key.rpartition(":")[2].lower()
        if (name in _SECRET_KEYS and _REFERENCE.fullmatch(value) is None) or _url_secrets(value):
            return True
    return False


def hide(text: str, secrets: Sequence[str]) -> str:
    """``text`` with ``***`` in place of each secret; the longest come first."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _read_npm(environ: Mapping[str, str], project: Iterable[Path], root: Path) -> dict[str, str]:
    """Return npm's settings that say where packages come from; later sources override earlier ones."""
    variables = {
        name.lower().removeprefix(_NPM_PREFIX): value
        for name, value in environ.items()
        if name.lower().startswith(_NPM_PREFIX)
    }
    home = environ.get("HOME", "")
    user = variables.get("userconfig") or (f"{home}/.npmrc" if home else "")
    one = variables.get("globalconfig")
    files = [Path(one)] if one else [root / place for place in _GLOBAL_NPMRC]
    files += [Path(user)] if user else []
    found: dict[str, str] = {}
    for path in files:
        found |= {key: value for key, value in _parse(_text(path)).items() if _is_taken(key)}
    for path in project:
        if holds_npm_credentials(path):
            found |= {key: value for key, value in _parse(_text(path)).items() if _is_taken(key)}
    for name, value in variables.items():
        key = name if name.startswith(("//", "@")) else re.sub(r"(?<!^)_", "-", name)
        if _is_taken(key):
            found[key] = value
    return {key: _expand(value, environ) for key, value in found.items()}


def _is_taken(key: str) -> bool:
    is_scope = key.startswith("@") and key.endswith(":registry") and not re.search(r"\s", key)
    return key in _KEYS or key in ("cafile", "ca", "_auth") or is_scope or _ACCESS.match(key) is not None


def _parse(text: str) -> dict[str, str]:
    """Read an npmrc: ``key = value`` lines, comments with ``;`` or ``#``."""
    found = {}
    for line in text.splitlines():
        plain = line.strip()
        if not plain or plain[0] in ";#[":
            continue
        key, equals, value = plain.partition("=")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[key.strip()] = value if equals else "true"
    return found


def _expand(value: str, environ: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: environ.get(match["name"], match[0]), value)


def _without_secrets(key: str, value: str) -> tuple[list[str], dict[str, str]]:
    """Return the lines of a setting with names in place of its secrets, and the secrets by those names."""
    name = key.rpartition(":")[2].lower()
    if "\n" in value or "\r" in value:
        return [], {}
    if key == "_auth":
        return [], {}  # npm refuses one that names no registry
    if name == "registry" and _ADDRESS.fullmatch(value) is None:
        return [], {}
    if name in _SECRET_KEYS:
        return [f"{key}=\0"], {"\0": value}
    parts = _URL.fullmatch(value)
    if parts is None or not parts["user"]:
        return [f"{key}={value}"], {}
    if name != "registry":  # a proxy's name and password are part of its address
        return [f"{key}=\0"], {"\0": value}
    token = base64.b64encode(unquote(parts["user"]).encode()).decode()
    place = f"{parts['host']}{parts['path'].rstrip('/')}"
    return [f"{key}={parts['scheme']}{parts['host']}{parts['path']}", f"//{place}/:_auth=\0"], {"\0": token}


def _forms(secret: str) -> list[str]:
    """Return a secret and what is in it: the password of an address or of ``USER:PASSWORD`` in base64."""
    found = [secret, *_url_secrets(secret)]
    try:
        plain = base64.b64decode(secret, validate=True).decode()
    except (ValueError, UnicodeDecodeError):
        return found
    return [*found, plain.partition(":")[2] if ":" in plain else plain]


def _url_secrets(value: str) -> list[str]:
    """Return what is secret of an address; a short name without a password is none."""
    user = value.rpartition("@")[0].rpartition("/")[2] if "://" in value else ""
    _, colon, password = user.partition(":")
    if not colon:
        return [user] if len(user) >= _TOKEN else []
    return [one for one in {user, password, unquote(password)} if one]


def _certificates(environ: Mapping[str, str], settings: Mapping[str, str], etc: Path) -> bytes:
    """Return the certificates that the host trusts; nothing else of the files that have them."""
    places = [environ.get(name, "") for name in _TRUST] + [settings.get("cafile", "")]
    system = next((etc / place for place in _SYSTEM_TRUST if (etc / place).is_file()), None)
    paths = [*(Path(place) for place in places if place), *([system] if system else [])]
    texts = [_bytes(path) for path in dict.fromkeys(paths)] + [settings.get("ca", "").replace("\\n", "\n").encode()]
    found = dict.fromkeys(one for text in texts for one in _CERTIFICATE.findall(text))
    return b"".join(one + b"\n" for one in found)


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    try:
        return local_file.read(path) if path.is_file() else b""
    except OSError:
        return b""
