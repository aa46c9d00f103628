"""Records as syslog daemons take them from a local socket. Contract: V4.

Source: RFC 3164 in the local form that glibc's syslog(3) sends, ``<PRI>Mmm dd HH:MM:SS TAG[PID]: TEXT``: no host name,
the time as the container has it. RFC 5424 is not understood there by every daemon.
"""

from __future__ import annotations

import time

CRON, LOCAL6, LOCAL7 = 9, 22, 23
"""Facilities."""
ERROR, WARNING, NOTICE, INFO = 3, 4, 5, 6
"""Severities."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\n")
# As rsyslog writes them itself: #033. Above 127 stand parts of UTF-8.
_HARMLESS = {code: f"#{code:03o}" for code in _CONTROLS}


def stamp(seconds: float) -> bytes:
    """``Mmm dd HH:MM:SS``, whatever the locale."""
    at = time.localtime(seconds)
    return b"%s %2d %02d:%02d:%02d" % (
        _MONTHS[at.tm_mon - 1].encode(),
        at.tm_mday,
        at.tm_hour,
        at.tm_min,
        at.tm_sec,
    )


def tag(*words: str) -> bytes:
    """The words with dots between them; what would end a tag is an underline."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in ".".join(words)).encode()


def header(facility: int, severity: int, when: bytes, name: bytes, pid: int) -> bytes:
    """What stands in front of the text. ``when``: of :func:`stamp`; ``name``: of :func:`tag`; ``pid``: 0 for none."""
    process = b"[%d]" % pid if pid else b""
    return b"<%d>%s %s%s: " % (facility << 3 | severity, when, name, process)


def is_harmless(text: bytes) -> bool:
    """Whether there are no control characters in it, tab and line end aside."""
    return len(text.translate(None, _CONTROLS)) == len(text)


def harmless(line: bytes) -> bytes:
    r"""A line without control characters: ``#033`` for ESC; other bytes as they are. A CR at its end goes."""
    return line.removesuffix(b"\r").decode("latin-1").translate(_HARMLESS).encode("latin-1")
