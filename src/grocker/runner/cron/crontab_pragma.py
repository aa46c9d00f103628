"""Reads ``# grocker: name=report timeout=10m``: options of the job below, in a comment. Contract: K3. Pure."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

OVERLAPS = ("skip", "queue", "kill")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_NAME_LONGEST = 100  # characters; it becomes part of a syslog tag
_RETRIES = 100


class PragmaError(ValueError):
    """A word is invalid: one line, without the place in the file."""


class JobPolicy(Value):
    """How a job runs. ``timeout``: seconds, None for no limit; ``retries``: after a failed run; ``stderr_fails``:
    whether output on stderr makes a run fail.
    """

    name: str | None = None
    overlap: str = "skip"
    timeout: float | None = None
    retries: int = 0
    heartbeat: str | None = None
    stderr_fails: bool = False


def words(comment: str) -> list[str] | None:
    """Return the words of a comment that is a pragma, else None; ``comment`` starts with ``#``."""
    text = comment.lstrip("#").lstrip(" \t")
    if not text.startswith("grocker:"):
        return None
    return text.removeprefix("grocker:").split()


def parse_policy(pairs: Iterable[str]) -> JobPolicy:
    """Parse ``KEY=VALUE`` words. Raises PragmaError."""
    found: dict[str, object] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        reader = _READERS.get(key)
        if reader is None:
            raise PragmaError(f"unknown option {key!r}; use {', '.join(sorted(_READERS))}")
        if not equals or not text:
            raise PragmaError(f"{key}: expected {key}=VALUE, without blanks")
        field = _FIELDS.get(key, key)
        if field in found:
            raise PragmaError(f"duplicate option {key}")
        found[field] = reader(text)
    return JobPolicy(**found)  # type: ignore[arg-type]


def _name(text: str) -> str:
    if not _NAME.issuperset(text) or len(text) > _NAME_LONGEST:
        raise PragmaError(f"name={text}: expected at most {_NAME_LONGEST} letters, digits, - and _")
    return text


def _overlap(text: str) -> str:
    if text not in OVERLAPS:
        raise PragmaError(f"overlap={text}: expected one of {', '.join(OVERLAPS)}")
    return text


def _timeout(text: str) -> float:
    digits, unit = (text[:-1], text[-1]) if text[-1] in _UNITS else (text, "s")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9 or int(digits) == 0:
        raise PragmaError(f"timeout={text}: expected a whole number from 1 with s, m, h or d, such as 90s or 10m")
    return float(int(digits) * _UNITS[unit])


def _retries(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 3 or int(text) > _RETRIES:
        raise PragmaError(f"retries={text}: expected a whole number from 0 to {_RETRIES}")
    return int(text)


def _heartbeat(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    if scheme not in ("http", "https") or not separator or not host.strip(":") or not text.isprintable():
        # The URL itself may be a secret (X3).
        raise PragmaError("heartbeat: expected a URL that starts with https:// or http://")
    return text


def _stderr(text: str) -> bool:
    if text not in ("fail", "ok"):
        raise PragmaError(f"stderr={text}: expected fail or ok")
    return text == "fail"


_READERS = {
    "name": _name,
    "overlap": _overlap,
    "timeout": _timeout,
    "retries": _retries,
    "heartbeat": _heartbeat,
    "stderr": _stderr,
}
_FIELDS = {"stderr": "stderr_fails"}
