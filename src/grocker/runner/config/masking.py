"""Hides the values of a configuration that look secret. Contract: C6. Pure.

Names are split into words (``redis_auth-token``, ``AccountKey``). The lists below are documented in the reference. In
doubt a value is hidden; ``--show-secrets`` shows it.
"""

from __future__ import annotations

import re

MASK = "********"
"""Replaces a secret of any length."""

ANYWHERE = (
    *("passw", "passphrase", "secret", "token", "credential"),
    *("apikey", "authkey", "accesskey", "privatekey", "signingkey", "encryptionkey"),
)
"""Parts that make a name secret, anywhere in it."""

WORDS = frozenset(
    {
        *("auth", "authentication", "authorization", "bearer", "cookie", "cookies", "dsn", "jwt", "key", "keys", "otp"),
        *("pass", "pin", "private", "pw", "pwd", "salt", "sas", "signature", "totp", "webhook"),
    }
)
"""Whole words that make a name secret."""

TAILS = frozenset(
    {
        *("age", "algorithm", "backend", "backends", "class", "dir", "directory", "enabled", "expires", "expiry"),
        *("file", "files", "header", "interval", "length", "lifetime", "name", "path", "required", "timeout", "ttl"),
        *("type",),
    }
)
"""Last words of names that describe a secret, such as its path or lifetime, but are none."""

SECTIONS = ("passw", "secret", "token", "credential")
"""Parts of a section's name that hide all its values; so do the words ``keys`` and ``private``."""

PLAIN = frozenset({"", "true", "false", "yes", "no", "on", "off", "none", "null"})
"""Values that are never secret: empty ones and switches."""

# Each pattern is linear in the length of the value.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_USERINFO = re.compile(r"\S*@")
_PAIR = re.compile(
    r"""(?<![\w.-])(?P<name>[A-Za-z][\w.-]*)(?P<between>["']?\s*[=:]\s*)(?!//)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["']?[^\s;&,"'{}\[\]]+)"""
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")


def mask_secrets(section: str, key: str, value: str) -> str:
    """Return what may be shown: ``value``, MASK, or ``value`` with its secret parts replaced by MASK."""
    if value.strip().lower() in PLAIN:
        return value
    if section_is_secret(section) or name_is_secret(key) or _PRIVATE_KEY.search(value):
        return MASK
    return _PAIR.sub(_pair, _without_userinfo(value))


def _without_userinfo(value: str) -> str:
    """Hide the user information of URLs, up to the last @, in case a password contains an unquoted @ or /."""
    parts = value.split("://")
    for place, part in enumerate(parts[1:], start=1):
        found = _USERINFO.match(part)
        if found is not None:
            parts[place] = f"{MASK}@{part[found.end() :]}"
    return "://".join(parts)


def _pair(found: re.Match[str]) -> str:
    """Hide ``password=…`` within a value, as in a connection string, a query or JSON."""
    if not name_is_secret(found["name"]) or found["value"].startswith(MASK):
        return found[0]
    quote = found["value"][0] if found["value"][0] in "\"'" else ""
    return f"{found['name']}{found['between']}{quote}{MASK}{quote}"


def section_is_secret(section: str) -> bool:
    """Whether all values of a section are secret."""
    return any(part in section.lower() for part in SECTIONS) or not {"keys", "private"}.isdisjoint(_words(section))


def name_is_secret(name: str) -> bool:
    """Whether a key's name says that its value is a secret."""
    words = _words(name)
    if words and words[-1] in TAILS:
        return False
    if any(part in name.lower() for part in ANYWHERE):
        return True
    found = WORDS.intersection(words)
    return bool(found) and not (found <= {"key", "keys"} and "public" in words)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
