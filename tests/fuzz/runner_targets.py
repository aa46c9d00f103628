"""Parsers of the runner: what operators, applications and clients send."""

from __future__ import annotations

import asyncio
import configparser
import io
import re
import socket
from collections.abc import Iterator
from functools import cache
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from grocker.runner.base.failure import Failure
from grocker.runner.config import ini_files, plain_ini
from grocker.runner.config.configuration import IniText, merge_texts
from grocker.runner.contract import codec
from grocker.runner.contract.spec import Service, Spec, SpecError
from grocker.runner.cron import crontab_expression, crontab_file
from grocker.runner.cron.zone import is_zone
from grocker.runner.log.lines import CUT, BlockSplitter, LineSplitter
from grocker.runner.log.syslog_socket import SyslogSocket
from grocker.runner.process.loop import Loop
from grocker.runner.servers import client_headers
from grocker.runner.servers.nginx import FrontSettings, configuration
from grocker.runner.servers.trusted_proxies import parse_networks
from grocker.runner.status.application_metrics import MetricFamilies
from grocker.runner.status.request_head import MalformedRequest, parse_head
from grocker.runner.status.routes import StatusSources, respond
from grocker.runner.supervise.readiness import NotifyReadiness
from tests.fuzz.target import Target, join, parts, scratch
from tests.support.statuses import service_status, tail, usage

_INI = """\
# c
[DEFAULT]
a = 1
[database]
Host: localhost
password = p%%w=;x # y
list =
  one

  two
[x]
"""


def _read_ini(data: bytes) -> None:
    text = ini_files._decoded(data, "50_x.ini")
    plain = plain_ini.read_plain(text)
    parser = ini_files.new_parser()
    ini_files.parse_text(parser, text, "50_x.ini")
    if plain is not None:
        assert plain == {name: dict(parser[name]) for name in parser.sections()}
    merged = merge_texts([IniText(name="50_x.ini", path="50_x.ini", text=text, plain=plain)], "APP", {})
    again = configparser.ConfigParser(interpolation=None)
    again.read_file(io.StringIO(merged, newline=None))
    assert {name: dict(again[name]) for name in again} == {name: dict(parser[name]) for name in parser}


_CRONTAB = """\
SHELL=/bin/bash
MAILTO = "a@example.com"
CRON_TZ=CET-1CEST
# grocker: name=report timeout=10m overlap=queue retries=3 heartbeat=https://example.com/x
*/5 1-3,7 * jan-mar mon-fri report --all % input%more
@daily cleanup \\% x
TZ=CET-1CEST,M3.5.0,M10.5.0/3
0 0 29 2 * leap
@reboot once
"""


def _read_crontab(data: bytes) -> None:
    zones = f"{scratch()}/zones"
    for job in crontab_file.parse(data, "/crontab", users=("root",), is_zone=lambda name: is_zone(name, zones)):
        job.variables.mapping()
        if job.expression is not None:
            found = crontab_expression.first_from(job.expression, 29_000_000)
            assert found is None or crontab_expression.matches(job.expression, found)


def _read_zone(data: bytes) -> None:
    is_zone(data.decode("utf-8", "surrogateescape").replace("\0", ""), f"{scratch()}/zones")


_SPEC = Spec(
    name="polls",
    version="1.0",
    extras=("a",),
    namespace="POLLS",
    grocker="9.0.0",
    services={
        "www": Service(
            wsgi="polls.wsgi:application",
            env={"A": "é"},
            ready="/health",
            static=("/opt/a/static",),
            media=True,
            processes={"side": ("sleep", "1")},
            memory=100,
        ),
        "worker": Service(command="work hard"),
    },
    crontab="/opt/grocker/crontab",
    django_settings_module="polls.settings",
    variables={"B": ""},
)


def _read_image(data: bytes) -> None:
    found = codec.decode(data)
    assert codec.decode(codec.encode(found)) == found


_REQUESTS = (
    b"GET /readyz?verbose HTTP/1.1\r\nHost: localhost:8081\r\nAuthorization: Basic OnNlY3JldA==\r\n\r\n",
    b"\r\nHEAD http://x/log?name=www HTTP/1.0\nConnection: keep-alive, x\nContent-Length: 0\n\nGET / HTTP/1.1\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer s3same\r\n\r\n",
)


@cache
def _sources() -> StatusSources:
    status = service_status(1.7e9, 1.7e9)
    return StatusSources(
        status=lambda: status, probed=lambda: status, usage=lambda _: usage(1.7e9), tail=tail, token=b"s3same"
    )


def _read_request(data: bytes) -> None:
    found = parse_head(data)
    if found is None:
        return
    head, end = found
    assert 0 < end <= len(data)
    assert parse_head(data[:end]) == found
    for cut in range(0, end, 7):
        assert parse_head(data[:cut]) is None, "an incomplete head is not a request"
    answer = respond(head, _sources())
    assert 200 <= answer.status < 600
    assert "\n" not in "".join(part for field in answer.fields for part in field)


def _read_metrics(data: bytes) -> None:
    families = MetricFamilies()
    for line in data.split(b"\n"):
        families.add_line(line)
    text = families.text()
    assert len(text) <= 2 * len(data) + 100
    for family in text_string_to_metric_families(text.decode()):
        assert not family.name.startswith("grocker_")
    again = MetricFamilies()
    for line in text.split(b"\n"):
        again.add_line(line)
    assert again.text() == text
    assert again.dropped == 0


_WORD = re.compile(r"""\s+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{};]|\$\{\w+\}|[^\s{};"']+""")


def _directives(text: str) -> list[tuple[str, ...]]:
    """The directives of nginx's configuration, by nginx's rules of quoting."""
    found: list[tuple[str, ...]] = []
    words: list[str] = []
    at = depth = 0
    while at < len(text):
        match = _WORD.match(text, at)
        assert match is not None, text[at : at + 40]
        at, word = match.end(), match[0]
        if word in ("{", "}", ";"):
            assert word == "}" or words
            depth += {"{": 1, "}": -1}.get(word, 0)
            assert depth >= 0
            found.append((*words, word))
            words = []
        elif not word.isspace():
            words.append(word)
    assert depth == 0 and not words
    return found


def _front(static: tuple[str, ...], media: str | None, trusted: tuple[str, ...]) -> FrontSettings:
    return FrontSettings(
        home="/tmp/.grocker-0/nginx",
        upstream="/tmp/.grocker-0/upstream",
        asynchronous=False,
        media=media,
        static=static,
        revision="cafe",
        access=7,
        port=8080,
        ipv6=True,
        trusted=trusted,
        workers=2,
        connections=1000,
        shutdown=5400,
    )


def _configure_nginx(data: bytes) -> None:
    """What an image and an operator say never becomes another directive."""
    image, proxies = parts(data, 2)
    trusted = parse_networks(proxies.decode("utf-8", "surrogateescape"))
    networks = 2 if trusted == ("*",) else len(trusted)
    for service in codec.decode(image).services.values():
        found = _directives(configuration(_front(service.static, "/media" if service.media else None, trusted)))
        like = _front(("/a",) * len(service.static), "/media" if service.media else None, ("10.0.0.0/8",) * networks)
        assert [(one[0], len(one), one[-1]) for one in found] == [
            (one[0], len(one), one[-1]) for one in _directives(configuration(like))
        ]


def _judge_client(data: bytes) -> None:
    """A WSGI and an ASGI application see the same client."""
    trusted, peer, *lines = [*data.decode("latin-1").split("\n"), ""]
    try:
        trusted = " ".join(parse_networks(trusted))
    except Failure:
        trusted = "10.0.0.0/8"
    pairs = {}
    for line in lines[:20]:
        name, _, value = line.partition(":")
        if name.lower() in client_headers.HEADERS and name.lower() != client_headers.PEER:
            pairs[name.lower()] = value.strip()
    environ: dict[str, Any] = {"REMOTE_ADDR": peer, "REMOTE_PORT": "1", "wsgi.url_scheme": "http"}
    environ |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in pairs.items()}
    client_headers.wsgi(lambda *_: [], trusted)(environ, print)
    scope: dict[str, Any] = {"type": "http", "client": (peer, 1), "scheme": "http"}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in pairs.items()]

    async def application(*_: object) -> None:
        pass

    asyncio.run(_call(client_headers.asgi(application, trusted), scope))
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == (scope["client"][0], scope["scheme"])


async def _call(application: Any, scope: Any) -> None:
    await application(scope, None, None)


def _split_output(data: bytes) -> None:
    """Records of syslog: the same lines however the output arrives, without control characters, one a record."""
    chunks, output = parts(data, 2)
    steps = list(chunks or b"\x10")
    lines, blocks, whole = LineSplitter(64), BlockSplitter(64), LineSplitter(64)
    split: list[bytes] = []
    joined = b""
    at = 0
    while at < len(output):
        step = 1 + steps[len(split) % len(steps)]
        split += lines.take(output[at : at + step])
        joined += blocks.take(output[at : at + step])
        at += step
    split += lines.end()
    joined += blocks.end()
    assert split == whole.take(output) + whole.end()
    assert not joined or joined.endswith(b"\n")
    assert [line[:64] for line in joined.split(b"\n")[:-1]] == [line.removesuffix(CUT)[:64] for line in split]
    for record in _sent(joined):
        assert record.startswith(b"<14>")
        assert not any(byte < 32 and byte != 9 for byte in record), record


def _free_path(name: str) -> str:
    path = scratch() / name
    path.unlink(missing_ok=True)
    return str(path)


def _sent(block: bytes) -> Iterator[bytes]:
    path = _free_path("log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon, Loop(lambda: None) as loop:
        daemon.bind(path)
        daemon.setblocking(False)
        sender = SyslogSocket(loop, path, on_lost=lambda _: None, on_back=lambda: None)
        sender.connect()
        try:
            for line in block.splitlines(keepends=True)[:8]:
                if line.endswith(b"\n"):
                    sender.put(b"<14>", line, lambda _: None)
            while True:
                yield daemon.recv(1 << 17)
        except BlockingIOError:
            pass
        finally:
            sender.close()


def _notify(data: bytes) -> None:
    """Datagrams of sd_notify(3), which any program of the container may send."""
    path = _free_path("notify")
    with Loop(lambda: None) as loop, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        readiness = NotifyReadiness(loop, path, None)
        try:
            sender.sendto(data[:4000], path)
            loop.turn(0)
            readiness.check()
        finally:
            readiness.close()


_WEB = (
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b" HTTP/1.1",
    b"GET ",
    b"Host: ",
    b"Connection: close",
    b"Content-Length: 5",
    b"http://",
)
_JSON = (b"null", b"[]", b"{}", b"1e9", b"-1", b'"\\u0000"', b'"\\ud800"', b'"/a b"', b"NaN", b'"$x;"')

TARGETS = (
    Target(
        "ini",
        _read_ini,
        (Failure,),
        lambda: [_INI.encode(), b"[a]\nb = c\n"],
        (b"\n[", b"]\n", b" = ", b": ", b"\n ", b"\r", b"#"),
        3_000,
    ),
    Target(
        "crontab",
        _read_crontab,
        (Failure,),
        lambda: [_CRONTAB.encode()],
        (b"\n* * * * * ", b"# grocker: ", b"CRON_TZ=", b"@", b"%", b"\\", b"*/"),
        1_600,
    ),
    Target(
        "time-zone",
        _read_zone,
        (),
        lambda: [b"CET-1CEST,M3.5.0,M10.5.0/3", b"<+03>-3", b"Europe/Berlin"],
        (b",J", b",M", b"<", b">", b"/-167", b":", b"/etc/passwd"),
        4_250,
    ),
    Target("image.json", _read_image, (SpecError,), lambda: [codec.encode(_SPEC)], _JSON, 5_750),
    Target("request", _read_request, (MalformedRequest,), lambda: list(_REQUESTS), _WEB, 6_750),
    Target(
        "metrics",
        _read_metrics,
        (),
        lambda: [
            b'# HELP a_total x\n# TYPE a_total counter\na_total{b="c\\"\\n",d=""} 1.5e3 1700000000\n',
            b'# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 2\nh_count 1\n# UNIT x y\n# EOF\n',
        ],
        (
            b"# TYPE ",
            b"# HELP ",
            b"{",
            b"}",
            b'="',
            b'",',
            b" NaN",
            b" +Inf",
            b"grocker_",
            b"_bucket",
            b"_count",
            b"\\",
            b"\\n",
        ),
        5_000,
    ),
    Target(
        "nginx",
        _configure_nginx,
        (SpecError, Failure),
        lambda: [join(codec.encode(_SPEC), "10.0.0.0/8, fd00::/8"), join(codec.encode(_SPEC), "*")],
        (*_JSON, b"/opt/'x", b";", b"{", b"fe80::1%eth0", b"\\n"),
        3_000,
    ),
    Target(
        "client-headers",
        _judge_client,
        (),
        lambda: [
            b"10.0.0.0/8\n10.1.2.3\nX-Forwarded-For: 203.0.113.9, [::1]:5\nX-Forwarded-Proto: https, http\n",
            b"*\n::1\nX-Real-IP: fe80::1%eth0\nX-Real-Scheme: wss\n",
        ],
        (b"X-Forwarded-For: ", b"X-Real-IP: ", b"X-Forwarded-Proto: ", b"::ffff:1.2.3.4", b"unknown", b",", b"*"),
        1_700,
    ),
    Target(
        "syslog",
        _split_output,
        (),
        lambda: [join(b"\x03\x40", b"one\ntwo\x1b[0m\r\n" + b"x" * 100 + b"\n\xff\0\n"), join(b"\xff", b"a\n" * 30)],
        (b"\n", b"\r\n", b"\x1b[0m", b"y" * 65),
        2_750,
    ),
    Target(
        "notification",
        _notify,
        (),
        lambda: [b"READY=1\nSTATUS=x\nMAINPID=1", b"STOPPING=1"],
        (b"READY=", b"\n"),
        4_500,
    ),
)
