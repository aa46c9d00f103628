"""Which values of a configuration are shown and which are hidden. Contract: C6. Pure.

A name is taken apart into its words (``redis_auth-token``, ``AccountKey``); the lists below stand in the reference too.
It is the safe side that is erred on: what is hidden needlessly, ``--show-secrets`` shows.
"""

from __future__ import annotations

import re

MASK = "********"
"""Stands for a secret of any length."""

ANYWHERE = (
    *("passw", "passphrase", "secret", "token", "credential"),
    *("apikey", "authkey", "accesskey", "privatekey", "signingkey", "encryptionkey"),
)
"""A name that has one of these in it, anywhere."""

WORDS = frozenset(
    {
        *("auth", "authentication", "authorization", "bearer", "cookie", "cookies", "dsn", "jwt", "key", "keys", "otp"),
        *("pass", "pin", "private", "pw", "pwd", "salt", "sas", "signature", "totp", "webhook"),
    }
)
"""A name that has one of these as a whole word."""

TAILS = frozenset(
    {
        *("age", "algorithm", "backend", "backends", "class", "dir", "directory", "enabled", "expires", "expiry"),
        *("file", "files", "header", "interval", "length", "lifetime", "name", "path", "required", "timeout", "ttl"),
        *("type",),
    }
)
"""A name that ends with one of these words tells of a secret, where it is or how long it lives, but is none."""

SECTIONS = ("passw", "secret", "token", "credential")
"""All values are hidden of a section that has one of these in its name, or ``keys`` or ``private`` as a word."""

PLAIN = frozenset({"", "true", "false", "yes", "no", "on", "off", "none", "null"})
"""Values that are no secret whatever they are called: nothing, and switches."""

# None goes over a value more than once, however long it is.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_USERINFO = re.compile(r"\S*@")
_PAIR = re.compile(
    r"""(?<![\w.-])(?P<name>[A-Za-z][\w.-]*+)(?P<between>["']?\s*+[=:]\s*+)(?!//)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|["']?[^\s;&,"'{}\[\]]++)"""
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")


def masked(section: str, key: str, value: str) -> str:
    """``value`` as it may be shown: itself, MASK, or itself with MASK in place of what is secret in it."""
    if value.strip().lower() in PLAIN:
        return value
    if section_is_secret(section) or name_is_secret(key) or _PRIVATE_KEY.search(value):
        return MASK
    return _PAIR.sub(_pair, _without_userinfo(value))


def _without_userinfo(value: str) -> str:
    """URLs without who calls: hidden up to the last @, so that a password with an unquoted @ or / is hidden whole."""
    parts = value.split("://")
    for place, part in enumerate(parts[1:], start=1):
        found = _USERINFO.match(part)
        if found is not None:
            parts[place] = f"{MASK}@{part[found.end() :]}"
    return "://".join(parts)


def _pair(found: re.Match[str]) -> str:
    """``password=…`` within a value, as in a connection string, a query or JSON."""
    if not name_is_secret(found["name"]) or found["value"].startswith(MASK):
        return found[0]
    quote = found["value"][0] if found["value"][0] in "\"'" else ""
    return f"{found['name']}{found['between']}{quote}{MASK}{quote}"


def section_is_secret(section: str) -> bool:
    """Whether everything in a section is."""
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
