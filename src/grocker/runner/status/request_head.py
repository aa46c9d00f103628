"""Parses the head of an HTTP request, strictly and within limits. Contract: H4. Pure.

Source: RFC 9112. A body is never read: a request that has one is answered, and the connection is closed.
"""

from __future__ import annotations

from ..base.value import Value

LONGEST_LINE = 4 << 10  # bytes of the first line
LONGEST = 8 << 10  # bytes of the whole head
MOST_FIELDS = 64

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_VISIBLE = frozenset(chr(number) for number in range(0x21, 0x7F))
_CONTROL = frozenset(chr(number) for number in [*range(0x20), 0x7F]) - {"\t"}
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class MalformedRequest(Exception):
    """The request cannot be answered; ``status`` is that of the response."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class RequestHead(Value):
    """``path`` and ``query`` as sent; ``authorization``: that header, or ""; ``keep``: whether the connection stays
    open after the response.
    """

    method: str
    path: str
    query: str = ""
    authorization: str = ""
    keep: bool = True


def parse_head(data: bytes | bytearray) -> tuple[RequestHead, int] | None:
    """Return the first head in ``data`` and the number of bytes up to its end; None while it is incomplete.

    Raises MalformedRequest: 400, 414, 431, 505.
    """
    start = 0
    while start < len(data) and data[start] in b"\r\n":  # section 2.2
        start += 1
    if start > MOST_FIELDS or (start < len(data) and data[start] not in _LETTERS):
        raise MalformedRequest(400)
    line_end = data.find(b"\n", start)
    if (line_end if line_end >= 0 else len(data)) - start > LONGEST_LINE:
        raise MalformedRequest(414)
    if line_end < 0:
        return None
    ends = [found + len(mark) for mark in (b"\n\n", b"\n\r\n") if (found := data.find(mark, line_end)) >= 0]
    end = min(ends, default=len(data))
    if end - start > LONGEST:
        raise MalformedRequest(431)
    if not ends:
        return None
    first, *fields = bytes(data[start:end]).decode("latin-1").rstrip("\r\n").split("\n")
    method, target, minor = _request_line(first.removesuffix("\r"))
    if len(fields) > MOST_FIELDS:
        raise MalformedRequest(431)
    authorization, keep = _fields([field.removesuffix("\r") for field in fields], minor)
    path, _, query = target.partition("?")
    return RequestHead(method=method, path=path, query=query, authorization=authorization, keep=keep), end


def _request_line(line: str) -> tuple[str, str, int]:
    """Return the method, the target from its path on, and the minor version."""
    parts = line.split(" ")
    if len(parts) != 3:
        raise MalformedRequest(400)
    method, target, version = parts
    if not _TOKEN.issuperset(method) or not target or not _VISIBLE.issuperset(target):
        raise MalformedRequest(400)
    digits = version.removeprefix("HTTP/")
    if len(version) != 8 or len(digits) != 3 or digits[1] != "." or not (digits[0] + digits[2]).isdecimal():
        raise MalformedRequest(400)
    if digits[0] != "1":
        raise MalformedRequest(505)
    lower = target[:8].lower()
    if lower.startswith(("http://", "https://")):  # section 3.2.2
        _, slash, rest = target.partition("//")[2].partition("/")
        target = slash + rest or "/"
    return method, target, int(digits[2])


def _fields(fields: list[str], minor: int) -> tuple[str, bool]:
    """Return the credentials, and whether the connection stays open."""
    authorization = ""
    close, stay = False, minor > 0
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or not name or not _TOKEN.issuperset(name) or not _CONTROL.isdisjoint(value):
            raise MalformedRequest(400)
        name, value = name.lower(), value.strip(" \t")
        if name == "authorization":
            if authorization:
                raise MalformedRequest(400)
            authorization = value
        elif name == "connection":
            options = {option.strip(" \t").lower() for option in value.split(",")}
            close = close or "close" in options
            stay = stay or "keep-alive" in options
        elif name == "transfer-encoding":
            close = True
        elif name == "content-length":
            if not value.isdecimal():
                raise MalformedRequest(400)
            close = close or bool(value.strip("0"))
    return authorization, stay and not close
