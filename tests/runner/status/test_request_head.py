from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.runner.status import request_head
from grocker.runner.status.request_head import MalformedRequest, RequestHead, parse_head


def _head(data: bytes) -> RequestHead:
    found = parse_head(data)
    assert found is not None
    head, length = found
    assert length == len(data)
    return head


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", RequestHead(method="GET", path="/livez")),
        (b"GET / HTTP/1.1\r\n\r\n", RequestHead(method="GET", path="/")),
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", RequestHead(method="GET", path="/")),
        (b"GET / HTTP/1.0\n\n", RequestHead(method="GET", path="/", keep=False)),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", RequestHead(method="GET", path="/")),
        (b"GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n", RequestHead(method="GET", path="/", keep=False)),
        (
            b"GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
            RequestHead(method="GET", path="/", keep=False),
        ),
        (b"HEAD /readyz?verbose HTTP/1.1\r\n\r\n", RequestHead(method="HEAD", path="/readyz", query="verbose")),
        (b"GET /a?b?c#d HTTP/1.1\r\n\r\n", RequestHead(method="GET", path="/a", query="b?c#d")),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", RequestHead(method="GET", path="/../../etc/passwd")),
        (b"GET http://h:1/livez?x HTTP/1.1\r\n\r\n", RequestHead(method="GET", path="/livez", query="x")),
        (b"GET https://h HTTP/1.1\r\n\r\n", RequestHead(method="GET", path="/")),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", RequestHead(method="OPTIONS", path="*")),
        (b"GET / HTTP/1.7\r\n\r\n", RequestHead(method="GET", path="/")),
        (
            b"GET / HTTP/1.1\r\naUTHORIZATION:  Bearer x \t\r\n\r\n",
            RequestHead(method="GET", path="/", authorization="Bearer x"),
        ),
        (b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n", RequestHead(method="POST", path="/", keep=False)),
        (b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", RequestHead(method="GET", path="/")),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", RequestHead(method="GET", path="/", keep=False)),
        (b"GET / HTTP/1.1\r\nX: \xff\xfe\r\n\r\n", RequestHead(method="GET", path="/")),
    ],
)
def test_head_is_read(data: bytes, head: RequestHead) -> None:
    assert _head(data) == head


@pytest.mark.fault(number=21)
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"\x00", 400),
        (b"\r\n" * 200, 400),
        (b"GET\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1 x\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTX/1.1\r\n\r\n", 400),
        (b"GET / HTTP/11\r\n\r\n", 400),
        (b"GET / HTTP/1.\xb2\r\n\r\n", 400),
        (b"G@T / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: x\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: x\ry\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000, 414),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 9000, 431),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 65 + b"\r\n", 431),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\n\r\n", 505),
    ],
)
def test_head_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(MalformedRequest) as raised:
        parse_head(data)
    assert raised.value.status == status


@pytest.mark.parametrize(
    "data", [b"", b"\r\n", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nA: b\r\n", b"GET / HTTP/1.1\r\n\r"]
)
def test_head_is_waited_for_when_it_is_not_complete(data: bytes) -> None:
    assert parse_head(data) is None


def test_head_ends_where_the_next_request_begins() -> None:
    data = b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"
    found = parse_head(data)
    assert found is not None
    assert found == (RequestHead(method="GET", path="/a"), 19)
    assert _head(data[found[1] :]).path == "/b"


@pytest.mark.fault(number=21)
@given(st.binary(max_size=200))
def test_head_is_none_refused_or_read_whatever_comes(data: bytes) -> None:
    for prefix in (b"", b"GET / HTTP/1.1\r\n", b"GET /"):
        try:
            found = parse_head(prefix + data)
        except MalformedRequest:
            continue
        assert found is None or 0 < found[1] <= len(prefix + data)


@given(st.binary(max_size=100), st.integers(0, 400))
def test_what_is_complete_does_not_depend_on_what_follows(junk: bytes, cut: int) -> None:
    data = b"GET /readyz?verbose HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n"
    found = parse_head(data + junk)
    assert found == (RequestHead(method="GET", path="/readyz", query="verbose", authorization="Bearer x"), len(data))
    if cut < len(data):
        assert parse_head(data[:cut]) is None


def test_limits_are_those_that_the_reference_states() -> None:
    assert (request_head.LONGEST_LINE, request_head.LONGEST, request_head.MOST_FIELDS) == (4096, 8192, 64)
