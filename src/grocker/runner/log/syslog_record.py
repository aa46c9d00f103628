"""Formats records for a syslog daemon's local socket. Contract: V4.

Source: RFC 3164, in the local form that glibc's syslog(3) sends, ``<PRI>Mmm dd HH:MM:SS TAG[PID]: TEXT``: without a
host name, and with the container's local time. Not every daemon accepts RFC 5424 there.
"""

from __future__ import annotations

import time

CRON, LOCAL6, LOCAL7 = 9, 22, 23
"""Facilities."""
ERROR, WARNING, NOTICE, INFO = 3, 4, 5, 6
"""Severities."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\n")
# As rsyslog escapes them: #033. Bytes above 127 are parts of UTF-8.
_ESCAPES = {code: f"#{code:03o}" for code in _CONTROLS}


def format_time(seconds: float) -> bytes:
    """Return ``Mmm dd HH:MM:SS``, independent of the locale."""
    at = time.localtime(seconds)
    return b"%s %2d %02d:%02d:%02d" % (
        _MONTHS[at.tm_mon - 1].encode(),
        at.tm_mday,
        at.tm_hour,
        at.tm_min,
        at.tm_sec,
    )


def join_tag(*words: str) -> bytes:
    """Join the words with dots; a character that would end the tag becomes an underscore."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in ".".join(words)).encode()


def format_header(facility: int, severity: int, when: bytes, tag: bytes, pid: int) -> bytes:
    """Return everything before the text. ``when``, ``tag``: of the functions above; ``pid``: 0 for none."""
    process = b"[%d]" % pid if pid else b""
    return b"<%d>%s %s%s: " % (facility << 3 | severity, when, tag, process)


def is_printable(text: bytes) -> bool:
    """Whether it has no control characters other than tab and line end."""
    return len(text.translate(None, _CONTROLS)) == len(text)


def escape_controls(line: bytes) -> bytes:
    r"""Escape control characters (ESC: ``#033``), keep other bytes, and remove a CR at the line's end."""
    return line.removesuffix(b"\r").decode("latin-1").translate(_ESCAPES).encode("latin-1")
