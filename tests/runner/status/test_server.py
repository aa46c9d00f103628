"""Port 8081 as a process of its own, and everything that a client may do to it."""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grocker.runner.base import scratch
from grocker.runner.base.failure import Failure
from grocker.runner.contract.names import ContainerLayout
from grocker.runner.status import port as status_port
from tests.runner.status.test_loopback_request import says, silent, upstream
from tests.support.patience import PATIENCE
from tests.support.processes import turns_within, wait_until
from tests.support.supervised import Served, read_all, served

pytestmark = pytest.mark.slow

QUICK = 1.0  # seconds, for the quickest of many probes: a busy machine holds up some, a busy server holds up all


@pytest.fixture(scope="module")
def port_8081() -> Iterator[Served]:
    with served(token="s3same") as found:
        yield found


def _quick(server: Served) -> float:
    took: list[float] = []
    while len(took) < 20 and (not took or min(took) >= QUICK):
        began = time.monotonic()
        # Less than after what time the server drops those who do nothing.
        assert server.get("/livez", timeout=20)[0] == 200
        took.append(time.monotonic() - began)
    return min(took)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/livez", "text/plain; charset=utf-8"),
        ("/readyz?verbose", "text/plain; charset=utf-8"),
        ("/startupz", "text/plain; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/status.json", "application/json"),
    ],
)
def test_H3_answer_has_its_type_and_keeps_browsers_strict(port_8081: Served, path: str, kind: str) -> None:
    status, fields, body = port_8081.get(path)
    assert status == 200
    assert fields["content-type"] == kind
    assert fields["cache-control"] == "no-store"
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["referrer-policy"] == "no-referrer"
    assert fields["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in fields["content-security-policy"]
    assert fields["date"].endswith(" GMT")
    assert int(fields["content-length"]) == len(body.encode())


def test_H2_metrics_are_read_by_prometheus(port_8081: Served) -> None:
    families = {family.name for family in text_string_to_metric_families(port_8081.get("/metrics")[2])}
    assert {"grocker_ready", "grocker_process_state", "grocker_log_lines"} <= families


def test_H4_head_is_the_answer_without_its_body(port_8081: Served) -> None:
    for path in ("/livez", "/", "/metrics"):
        whole, bare = port_8081.get(path), port_8081.get(path, method="HEAD")
        assert (bare[0], bare[2]) == (200, "")
        assert bare[1]["content-type"] == whole[1]["content-type"]
        assert int(bare[1]["content-length"]) > 0


def test_H4_post_is_refused_and_its_body_not_read(port_8081: Served) -> None:
    answer = port_8081.raw(b"POST /livez HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"\r\nAllow: GET, HEAD\r\n" in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1") == 1


def test_H4_request_in_a_body_is_no_request(port_8081: Served) -> None:
    inside = b"GET /status.json HTTP/1.1\r\n\r\n"
    answer = port_8081.raw(b"GET /livez HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(inside) + inside)
    assert answer.count(b"HTTP/1.1 200") == 1
    answer = port_8081.raw(b"GET /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inside)
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.fault(number=21)
@pytest.mark.parametrize(
    ("data", "first"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b"GET /livez HTTP/1.1\r\nHost: a", b""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HTTP/1.1 400 Bad Request"),
        (bytes(range(256)) * 100, b"HTTP/1.1 400 Bad Request"),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found"),
        (b"GET /%2e%2e/etc/passwd HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found"),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 414 URI Too Long"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 1_000_000, b"HTTP/1.1 431 Request Header Fields Too Large"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100_000, b"HTTP/1.1 431 Request Header Fields Too Large"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 505 HTTP Version Not Supported"),
        (b"GET /livez\r\n", b""),
        (b"GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"GET /livez HTTP/1.0\n\n", b"HTTP/1.1 200 OK"),
    ],
)
def test_H4_anything_may_be_sent(port_8081: Served, data: bytes, first: bytes) -> None:
    assert port_8081.raw(data).partition(b"\r\n")[0] == first
    assert _quick(port_8081) < QUICK


def test_H4_requests_in_one_packet_are_answered_in_their_order(port_8081: Served) -> None:
    paths = ["/livez", "/nowhere", "/readyz?verbose", "/livez"]
    data = b"".join(f"GET {path} HTTP/1.1\r\n\r\n".encode() for path in paths)
    answer = port_8081.raw(data + b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\nGET /livez HTTP/1.1\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404", b"200", b"200", b"200"]


def test_H4_request_may_come_byte_by_byte(port_8081: Served) -> None:
    with port_8081.connect() as client:
        for byte in b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n":
            client.sendall(bytes([byte]))
        assert read_all(client).startswith(b"HTTP/1.1 200")


def test_H4_connection_stays_for_the_next_request(port_8081: Served) -> None:
    with port_8081.connect() as client:
        for _ in range(3):
            client.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
            answer = client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200") and b"\r\nConnection: keep-alive\r\n" in answer


def test_H4_token_opens_log_and_commands(port_8081: Served) -> None:
    assert port_8081.get("/log")[0] == 401
    status, _, body = port_8081.get("/log?of=www", Authorization="Bearer s3same")
    assert (status, body) == (200, "".join(f"www: line {number} <&> \N{SNOWMAN}\n" for number in range(3)))
    status, fields, _ = port_8081.get("/status.json", Authorization="Bearer wrong")
    assert status == 401
    assert "Basic realm=" in fields["www-authenticate"]


@pytest.mark.fault(number=33)
def test_H1_probes_say_what_happens_while_it_happens() -> None:
    with served() as server:
        assert server.get("/readyz")[0] == 200
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.get("/readyz")[0] == 503)
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.get("/readyz")[0] == 200)
        server.signal(signal.SIGUSR2)
        wait_until(lambda: server.get("/readyz")[0] == 503)
        assert json.loads(server.get("/status.json")[2])["stopping"] is True
        assert server.get("/metrics")[0] == 200
        assert server.get("/livez")[0] == 200


@pytest.mark.fault(number=21)
def test_H4_head_that_does_not_end_is_hung_up_on_after_five_seconds() -> None:
    """Slowloris: whoever sends a byte now and then has no more time than others; those in a hurry do not wait."""
    with served() as server:
        began = time.monotonic()
        kept = server.connect()
        kept.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        kept.recv(65536)
        slow = [server.connect(20) for _ in range(40)]
        for client in [kept, *slow]:
            client.sendall(b"GET / HTTP/1.1\r\nA: ")
        while time.monotonic() - began < 4:
            for client in slow:
                client.sendall(b"a")
            assert _quick(server) < QUICK
            time.sleep(0.2)
        for client in [kept, *slow]:
            assert read_all(client) == b""
            client.close()
        assert time.monotonic() - began > 4.5


@pytest.mark.fault(number=21)
def test_H4_new_client_is_heard_when_thousands_say_nothing() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(10_000, hard - 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, number + 1000), hard))
    clients = []
    try:
        with served(files=100) as server:
            for place in range(number):
                client = socket.socket()
                client.settimeout(20)
                clients.append(client)
                client.connect(("127.0.0.1", server.port))
                if place % 2:
                    try:
                        client.sendall(b"GET / HTTP/1.1\r\n")
                    except OSError:
                        pass  # hung up on already
                if place % 500 == 0:
                    assert _quick(server) < QUICK
            assert _quick(server) < QUICK
            assert len(list(Path(f"/proc/{server.pid}/fd").iterdir())) < 80
            assert server.resident() < 20 << 10
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.fault(number=32)
def test_H4_no_descriptors_means_neither_spinning_nor_silence() -> None:
    """Limit 16: some eight connections fit, the others wait in the kernel's queue until there is room."""
    with served(files=16, most=64) as server:
        clients = [server.connect() for _ in range(60)]
        for client in clients:
            client.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert _quick(server) < QUICK
        wait_until(lambda: turns_within(server.pid, 0.5) < 20)
        for client in clients:
            client.close()
        assert _quick(server) < QUICK


def test_H4_clients_take_an_eighth_of_the_descriptors() -> None:
    with served(files=80) as server:
        before = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
        clients = [server.connect() for _ in range(40)]
        assert _quick(server) < QUICK
        assert len(list(Path(f"/proc/{server.pid}/fd").iterdir())) <= before + 10
        for client in clients:
            client.close()


def test_H4_client_who_takes_nothing_holds_up_nobody() -> None:
    body = b"HTTP/1.0 200 OK\r\n\r\n" + b"".join(b'a{x="%d"} 1\n' % number for number in range(120_000))
    with upstream(says(body)) as port, served(scrape_path="/m", application_port=port) as server:
        clients = [socket.socket() for _ in range(12)]
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        for _ in range(20):
            assert _quick(server) < QUICK
            time.sleep(0.05)
        # A scrape ends after two seconds, in which a busy machine may not read all lines.
        wait_until(lambda: len(server.get("/metrics", timeout=PATIENCE)[2]) > 1_500_000)
        # 1.8 MB for each of them would be 22: the slowest have been hung up on.
        assert server.resident() < 40 << 10
        for client in clients:
            client.close()


def test_H2_answer_larger_than_all_that_may_wait_is_taken_by_one_who_takes_it() -> None:
    with served(kind="cron", jobs=20_000) as server:
        assert len(server.get("/metrics", timeout=PATIENCE)[2]) > 6 << 20


@pytest.mark.fault(number=22)
def test_H2_application_that_hangs_holds_up_its_metrics_for_two_seconds_and_nothing_else() -> None:
    with upstream(silent) as port, served(scrape_path="/m", application_port=port) as server:
        answers: list[str] = []
        threads = [threading.Thread(target=lambda: answers.append(server.get("/metrics")[2])) for _ in range(5)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while time.monotonic() - began < 1.5:
            assert _quick(server) < QUICK
        for thread in threads:
            thread.join(20)
        assert time.monotonic() - began > 1.9
        assert len(answers) == 5
        for text in answers:
            assert "\ngrocker_application_scrape_success 0\n" in text
            assert "\ngrocker_process_starts_total{" in text


def test_H2_application_s_metrics_are_merged() -> None:
    answer = b"HTTP/1.0 200 OK\r\n\r\n# TYPE a counter\na_total 1\ngrocker_ready 0\n# EOF\n"
    with upstream(says(answer)) as port, served(scrape_path="/m", application_port=port) as server:
        for method in ("GET", "HEAD"):
            assert server.get("/metrics", method=method)[0] == 200
        text = server.get("/metrics")[2]
        assert text.endswith("\na_total 1\n")
        assert text.count("\ngrocker_ready ") == 1
        names = [family.name for family in text_string_to_metric_families(text)]
        assert len(names) == len(set(names))


def test_H4_answer_that_cannot_be_made_is_a_500_and_nothing_worse() -> None:
    with served(broken=True) as server:
        for path in ("/livez", "/", "/metrics"):
            assert server.get(path)[0] == 500
        assert server.process.poll() is None


def test_H4_most_connections_are_as_many_as_said_and_the_idle_go_first() -> None:
    with served(most=4) as server:
        busy = server.connect()
        busy.sendall(b"GET /livez HTTP/1.1\r\nA:")
        idle = [server.connect() for _ in range(3)]
        for client in idle:
            client.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert _quick(server) < QUICK
        assert idle[0].recv(10) == b""
        busy.sendall(b"b\r\n\r\n")
        assert busy.recv(65536).startswith(b"HTTP/1.1 200")
        for client in [busy, *idle]:
            client.close()


def test_server_does_nothing_when_nobody_asks() -> None:
    with served() as server:
        server.get("/livez")
        wait_until(lambda: turns_within(server.pid, 0.5) <= 1)


def test_server_is_small() -> None:
    with served(real=True, token="x") as server:
        server.get("/livez")
        probed = server.resident()
        for path in ("/", "/metrics", "/status.json"):
            assert server.get(path)[0] == 200
        assert server.resident() < 20 << 10
        assert server.resident() - probed < 2 << 10
        loaded = Path(f"/proc/{server.pid}/maps").read_text()
        assert not [name for name in ("_ssl", "_hashlib", "_asyncio") if name in loaded]


def test_server_ends_with_what_it_was_asked() -> None:
    with served() as server:
        kept = server.connect()
        kept.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        kept.recv(65536)
        server.signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert kept.recv(10) == b""
        kept.close()
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_P2_port_that_is_taken_is_one_line_and_69(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        layout = ContainerLayout(scratch=str(tmp_path), status_port=taken.getsockname()[1])
        with pytest.raises(Failure) as raised:
            status_port.open_status_port({}, layout)
    assert raised.value.status == 69
    assert "Address already in use" in raised.value.message
    assert not (tmp_path / scratch.SUPERVISED).exists()


def test_P2_port_is_open_once_the_token_is_read(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    layout = ContainerLayout(scratch=str(tmp_path), status_port=number)
    (tmp_path / "token").write_text("s3same\n")
    found = status_port.open_status_port({"GROCKER_STATUS_TOKEN_FILE": str(tmp_path / "token")}, layout)
    assert found.token == b"s3same"
    socket.create_connection(("127.0.0.1", number)).close()
    assert (tmp_path / scratch.SUPERVISED).exists()
    for listener in found.sockets:
        listener.close()
    with pytest.raises(Failure) as raised:
        status_port.open_status_port({"GROCKER_STATUS_TOKEN_FILE": "/nowhere"}, layout)
    assert raised.value.status == 78
