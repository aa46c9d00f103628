"""X1 and V2 in containers: nginx in front of each server, each server without it, and what clients say of themselves.

Most of what runs is shared; what stops or kills something has a container of its own.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Container, Done, Engine
from tests.e2e.contract.probes import wait_for
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.xdist_group("front"), pytest.mark.long(160)]

PROJECT = Path(__file__).with_name("front")
IMAGE = "grocker-test/front-site:contract"
CONFINED = [
    *("--read-only", "--tmpfs", "/tmp:size=16m", "--user", "12345:0", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--env", "GROCKER_TRUSTED_PROXIES=127.0.0.1,2001:db8::/32"),
]
SHARED = ("www", "www-asgi", "www-granian", "gunicorn", "uvicorn", "granian", "granian-asgi")
SPOOFED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "example.org",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": "203.0.113.8",
    "X-Real-Scheme": "https",
    "X-Accel-Redirect": "/media/secret",
    "Remote-Addr": "203.0.113.7",
    "Remote-User": "admin",
}
UNDERSCORED = {name.replace("-", "_"): "underscored" for name in SPOOFED}
VARIABLES = {"HTTP_" + name.upper().replace("-", "_") for name in SPOOFED}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes = field(repr=False)


def ask(
    container: Container, path: str, method: str = "GET", body: bytes | Iterator[bytes] | None = None, **headers: str
) -> Answer:
    connection = http.client.HTTPConnection(container.address(), 8080, timeout=PATIENCE)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names, encode_chunked=True)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def ready(container: Container) -> Container:
    """Once it is; the container itself."""
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection((container.address(), 8081), 5) as connection:
                connection.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
                if b" 200 " in connection.recv(64):
                    return container
        except (OSError, StopIteration):
            pass
        assert time.monotonic() < limit, container.logs()
        assert container.running(), container.logs()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def engine() -> Engine:
    line = [sys.executable, "-m", "grocker", "build", str(PROJECT), "-t", IMAGE, "--strict", "--output", "docker"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Engine("docker", IMAGE)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("front") / "media"
    folder.mkdir()
    (folder / "secret").write_bytes(b"confidential")
    (folder / "large").write_bytes(os.urandom(1 << 20) * 24)
    (folder / "link").symlink_to("/proc/self/environ")
    for path in (*folder.parents, folder):
        if path.stat().st_uid == os.geteuid() and path.stat().st_mode & 0o011 != 0o011:
            path.chmod(path.stat().st_mode | 0o011)
    return folder


@pytest.fixture(scope="module")
def running(engine: Engine, media: Path) -> Iterator[dict[str, Container]]:
    with ExitStack() as stack:
        options = [*CONFINED, "--volume", f"{media}:/media"]
        started = {name: stack.enter_context(engine.started("start", name, options=options)) for name in SHARED}
        yield {name: ready(container) for name, container in started.items()}


def inside(container: Container, program: str) -> Done:
    return container.exec("python", "-c", program)


def processes(container: Container, title: str) -> list[int]:
    """The ids of processes whose command line begins so."""
    program = (
        "import glob\n"
        "for path in glob.glob('/proc/[0-9]*/cmdline'):\n"
        "    try:\n"
        f"        if open(path).read().startswith({title!r}): print(path.split('/')[2])\n"
        "    except OSError: pass\n"
    )
    return [int(line) for line in inside(container, program).out.split()]


def send(container: Container, number: str, *targets: int) -> None:
    done = container.exec("bash", "-c", f"kill -s {number} {' '.join(map(str, targets))}")
    assert done.status == 0, done.err


def test_X1_static_files_are_shown_the_first_directory_s(running: dict[str, Container]) -> None:
    www = running["www"]
    found = ask(www, "/static/site.css")
    assert (found.status, found.body) == (200, b"body { color: blue }\n")
    assert (found.headers["Content-Type"], found.headers["Cache-Control"]) == ("text/css", "no-cache")
    assert found.headers["Last-Modified"] is None, "all files of an image have the same"
    assert ask(www, "/static/module.mjs").headers["Content-Type"] == "text/javascript"
    assert ask(www, "/static/site.css?v=1").body == found.body

    head = ask(www, "/static/site.css", "HEAD")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "21", b"")
    part = ask(www, "/static/site.css", Range="bytes=0-3", If_Range=found.headers["ETag"])
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"body", "bytes 0-3/21")

    same = ask(www, "/static/site.css", If_None_Match=f'W/"x", {found.headers["ETag"]}')
    assert (same.status, same.body, same.headers["Content-Length"]) == (304, b"", None)
    assert same.headers["ETag"].removeprefix("W/") == found.headers["ETag"]
    assert ask(www, "/static/site.css", If_None_Match='"other"').status == 200
    assert ask(www, "/static/site.css", "POST", b"x").status == 405

    for method, path in (("GET", "/static/none.css"), ("POST", "/static/none.css"), ("GET", "/static/css/")):
        missing = ask(www, path, method, If_None_Match=found.headers["ETag"])
        assert missing.body.startswith(b"the application, asked for /"), (method, path)
    assert ask(www, "/static/site.css", "POST", b"x", If_None_Match=found.headers["ETag"]).status == 405

    for path in ("/static", "/static/", "/static/none.css", "/static//", "/static../wsgi.py", "/static/../wsgi.py"):
        assert ask(www, path).body.startswith(b"the application, asked for /"), path


def test_X1_static_files_of_all_packages_are_shown_when_that_is_asked_for(running: dict[str, Container]) -> None:
    assert ask(running["www-asgi"], "/static/admin/css/base.css").status == 200
    assert ask(running["www-asgi"], "/static/site.css").body == b"body { color: black }\n"


@pytest.mark.parametrize(
    "path",
    [
        "/media/secret",
        "/media/../media/secret",
        "/%6dedia/secret",
        "/media%2fsecret",
        "//media//secret",
        "/media/./secret",
        "/static/../media/secret",
        "/static../media/secret",
        "/static/%2e%2e/%2e%2e/media/secret",
        "/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2fmedia/secret",
        "/x/../media/secret",
        "/media/secret/",
        "/media/",
        "/media",
    ],
)
def test_V2_media_is_never_public(running: dict[str, Container], path: str) -> None:
    for name in ("www", "www-granian"):
        for method in ("GET", "HEAD", "POST"):
            found = ask(running[name], path, method)
            assert b"confidential" not in found.body
            assert found.headers["Content-Length"] != str(len(b"confidential"))


def test_V2_media_is_handed_out_by_the_applications_answer(running: dict[str, Container]) -> None:
    www = running["www"]
    found = ask(www, "/hand-out/secret")
    assert (found.status, found.body, found.headers["Content-Type"]) == (200, b"confidential", "text/plain")
    assert (found.headers["Content-Disposition"], found.headers["X-Content-Type-Options"]) == ("attachment", "nosniff")
    assert "X-Accel-Redirect" not in found.headers
    assert ask(www, "/hand-out/secret", If_None_Match=found.headers["ETag"]).status == 304
    assert ask(www, "/hand-out/secret", If_Modified_Since=found.headers["Last-Modified"]).status == 304
    assert ask(www, "/hand-out/secret", Range="bytes=3-5").body == b"fid"
    assert ask(www, "/hand-out/secret", "HEAD").headers["Content-Length"] == "12"
    assert ask(www, "/hand-out/none").status == 404
    assert ask(www, "/hand-out/link").status == 404, "a link leads out of /media"
    assert ask(www, "/hand-out/%2e%2e/etc/passwd").status in (400, 403, 404, 500)
    assert ask(running["www-granian"], "/hand-out/secret").body == b"confidential"
    asked = ask(www, "/media/secret", "POST", b"body")
    assert asked.body == b"the application, asked for /media/secret", "what clients ask for there, it answers itself"


def test_X1_body_has_no_limit_and_is_not_collected(running: dict[str, Container]) -> None:
    block = os.urandom(1 << 20)
    sent = ask(running["www"], "/length", "POST", (block for _ in range(48)))  # three times what /tmp holds
    assert (sent.status, sent.body) == (200, str(48 << 20).encode())


@pytest.mark.parametrize("name", ["www", "www-asgi", "www-granian"])
def test_X1_upload_is_refused_with_the_applications_answer(running: dict[str, Container], name: str) -> None:
    # What nginx cannot send any more it would answer with 502, now and then.
    body = os.urandom(8 << 20)
    assert {ask(running[name], "/refuse", "POST", body).status for _ in range(12)} == {403}


@pytest.mark.parametrize("name", SHARED)
def test_X1_headers_of_clients_are_dropped_unless_the_peer_is_trusted(running: dict[str, Container], name: str) -> None:
    container = running[name]
    with socket.create_connection((container.address(), 8080), PATIENCE) as connection:
        connection.sendall(_request({**SPOOFED, **UNDERSCORED}))
        seen = _json(b"".join(iter(lambda: connection.recv(65536), b"")))
    gateway = container.inspect("{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}")
    assert not VARIABLES & set(seen)
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == (gateway, "http")
    assert (seen["HTTP_HOST"], seen["HTTP_X_OTHER"]) == ("h", "kept")
    assert "HTTP_X_GROCKER_PEER" not in seen

    # granian has one name for both spellings, as WSGI has: a proxy in front of it has to see to that.
    request = _request(SPOOFED if name == "granian" else {**SPOOFED, **UNDERSCORED})
    program = (
        "import socket, sys\n"
        f"s = socket.create_connection(('127.0.0.1', 8080), {PATIENCE})\n"
        f"s.sendall({request!r})\n"
        "sys.stdout.buffer.write(b''.join(iter(lambda: s.recv(65536), b'')))\n"
    )
    seen = _json(inside(container, program).out.encode())
    assert {header: seen["HTTP_" + header.upper().replace("-", "_")] for header in SPOOFED} == SPOOFED
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("203.0.113.9", "https")
    assert "HTTP_X_GROCKER_PEER" not in seen


def _request(headers: dict[str, str]) -> bytes:
    lines = ["GET /seen HTTP/1.1", "Host: h", "Connection: close", "X-Grocker-Peer: 203.0.113.5 1 https"]
    lines += [*(f"{header}: {value}" for header, value in headers.items()), "X-Other: kept", "", ""]
    return "\r\n".join(lines).encode()


def _json(answer: bytes) -> dict[str, str]:
    return dict(json.loads(answer[answer.index(b"{") : answer.rindex(b"}") + 1]))


@pytest.mark.parametrize("name", ["www-asgi", "www-granian", "uvicorn"])
def test_X1_websockets_pass(running: dict[str, Container], name: str) -> None:
    with socket.create_connection((running[name].address(), 8080), PATIENCE) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /socket HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        connection.sendall(b"\x81\x85\0\0\0\0hello")  # RFC 6455, 5.2: a masked text
        while not answer.endswith(b"\x81\x05hello"):
            more = connection.recv(4096)
            assert more, answer
            answer += more


def test_X1_access_log_has_the_clients_address(running: dict[str, Container]) -> None:
    for name in ("www", "gunicorn", "uvicorn"):
        logs = running[name].logs()
        assert '"GET /seen HTTP/1.1" 200' in logs
        assert "203.0.113.9" in logs
        assert "203.0.113.5" not in logs


def test_X1_proxies_are_refused_when_they_are_malformed(engine: Engine) -> None:
    done = engine.run("start", "gunicorn", options=["--env", "GROCKER_TRUSTED_PROXIES=10.0.0.0/8, proxy"])
    assert (done.status, len(done.complaints)) == (78, 1)
    assert "GROCKER_TRUSTED_PROXIES: not a network: 'proxy'" in done.complaints[0]


def test_E1_front_survives_signals_and_the_death_of_its_processes(engine: Engine) -> None:
    with engine.started("start", "www", options=CONFINED) as container:
        ready(container)
        (master,) = processes(container, "nginx: master")
        for number in ("HUP", "USR1"):
            container.kill(number)  # the server's
            send(container, number, master)
        assert ask(container, "/seen").status == 200
        send(container, "KILL", *processes(container, "nginx: worker"))
        assert ask(container, "/static/site.css").status == 200
        with asking(container, "/static/site.css"):
            send(container, "KILL", master)
            container.wait_for("nginx: killed by SIGKILL; restarting")
            wait_for(lambda: processes(container, "nginx: master") not in ([], [master]))
        (server,) = [
            p for p in processes(container, "/opt/venv/bin/python\0-m\0gunicorn") if _parent(container, p) == 1
        ]
        send(container, "TERM", server)  # it ends, and takes the name of its socket away
        container.wait_for("www: exited with status 0; restarting")
        assert ask(container, "/seen").status == 200
        assert container.stop() == 0


@contextmanager
def asking(container: Container, path: str) -> Iterator[None]:
    """Ask from several threads meanwhile; everybody gets an answer, though it may take time."""
    over = threading.Event()

    def ask_on() -> set[int]:
        statuses = set()
        while not over.is_set():
            statuses.add(ask(container, path).status)
            time.sleep(0.005)
        return statuses

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask_on) for _ in range(4)]
        try:
            yield
        finally:
            over.set()
        assert [one.result() for one in asked] == [{200}] * 4


def _parent(container: Container, process: int) -> int:
    return int(container.exec("cat", f"/proc/{process}/stat").out.rpartition(")")[2].split()[1])


@pytest.mark.parametrize("name", ["www", "www-asgi", "granian"])
def test_E1_what_was_accepted_is_answered_when_asked_to_stop(engine: Engine, media: Path, name: str) -> None:
    options = [*CONFINED, "--volume", f"{media}:/media"]
    with engine.started("start", name, options=options) as container, ExitStack() as stack:
        ready(container)
        path = {"www": "/hand-out/large"}.get(name, "/slow")
        connections = [http.client.HTTPConnection(container.address(), 8080, timeout=PATIENCE) for _ in range(2)]
        for connection, asked in zip(connections, (path, "/slow"), strict=True):
            stack.callback(connection.close)
            connection.request("GET", asked)
        answers = [connection.getresponse() for connection in connections]
        bodies = [answer.read(1) for answer in answers]
        with subprocess.Popen(
            ["docker", "stop", "--time", "10", container.name], stdout=subprocess.DEVNULL
        ) as stopping:
            _refused(container)
            bodies = [body + answer.read() for body, answer in zip(bodies, answers, strict=True)]
            stopping.wait(PATIENCE)
        assert bodies[1] == b"." * 20
        assert bodies[0] == (bodies[1] if path == "/slow" else (media / "large").read_bytes())
        assert container.status() == 0


@pytest.mark.parametrize("seconds", [8, 16])
@pytest.mark.parametrize("name", ["www", "www-asgi", "www-granian", "gunicorn"])
def test_E1_requests_that_never_end_are_cut_off_and_no_server_is_killed(
    engine: Engine, name: str, seconds: int
) -> None:
    """Whatever nginx takes of the stop timeout, each server has a limit of its own within the rest."""
    options = [*CONFINED, "--env", f"GROCKER_STOP_TIMEOUT={seconds}", "--env", "WEB_CONCURRENCY=1"]
    with engine.started("start", name, options=options) as container:
        ready(container)
        connection = http.client.HTTPConnection(container.address(), 8080, timeout=PATIENCE)
        connection.request("GET", "/endless")
        answer = connection.getresponse()
        assert (answer.status, answer.read(1)) == (200, b".")
        assert container.stop(60) == 0, container.logs()
        assert "killed" not in container.logs()
        connection.close()


def _refused(container: Container) -> None:
    """Until it has been asked to stop: nobody is accepted any more."""
    address, limit = container.address(), time.monotonic() + 10
    while time.monotonic() < limit:
        try:
            socket.create_connection((address, 8080), 5).close()
        except OSError:
            return
        time.sleep(0.02)


def test_E1_granian_replaces_a_worker_that_was_killed(engine: Engine) -> None:
    with engine.started("start", "granian", options=CONFINED) as container:
        ready(container)
        found = processes(container, "/opt/venv/bin/python\0/opt/grocker/lib/grocker_runner/servers/granian_server.py")
        workers = [process for process in found if _parent(container, process) != 1]
        assert len(workers) >= 2
        send(container, "KILL", workers[0])
        assert ask(container, "/seen").status == 200
        container.wait_for("Respawning worker")
        assert ask(container, "/seen").status == 200
        assert container.stop() == 0
