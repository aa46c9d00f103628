from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grocker.errors import DeniedError, GrockerError, SettingsError, UnavailableError
from grocker.images.engine import Engine, of_environment
from tests.support.accepting import accepting
from tests.support.user import ordinary_user


@contextmanager
def saying(answer: bytes) -> Iterator[str]:
    """A program on a port that gives the same answer to whatever comes."""

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.recv(1 << 16)
            connection.sendall(answer)

    with accepting(serve) as port:
        yield f"tcp://127.0.0.1:{port}"


def failure(address: str, environ: dict[str, str] | None = None) -> GrockerError:
    with pytest.raises(GrockerError) as caught:
        of_environment({"DOCKER_HOST": address, **(environ or {})}).request("GET", "/_ping", action="asking docker")
    return caught.value


def test_engine_is_imported_without_anything_heavy() -> None:
    heavy = ("msgspec", "http.client", "ssl", "httptools", "dataclasses", "json", "tarfile")
    code = f"import sys, grocker.images.engine; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_engine_is_dockers_own_socket_when_nothing_is_set() -> None:
    assert of_environment({}).address == "unix:///var/run/docker.sock"
    assert of_environment({"DOCKER_HOST": " "}).address == "unix:///var/run/docker.sock"


def test_engine_uses_tls_when_docker_would() -> None:
    environ = {"DOCKER_HOST": "tcp://h.invalid:2376", "DOCKER_TLS_VERIFY": "1", "HOME": "/home/me"}
    assert of_environment(environ).certificates == "/home/me/.docker"
    assert of_environment({**environ, "DOCKER_CERT_PATH": "/certs"}).certificates == "/certs"
    assert of_environment({**environ, "DOCKER_TLS_VERIFY": ""}).certificates is None


def test_request_gives_status_and_body_when_the_engine_answers() -> None:
    with saying(b'HTTP/1.0 404 Not Found\r\nContent-Length: 17\r\n\r\n{"message":"no"}\n') as address:
        answer = Engine(address).request("GET", "/images/x/json", action="asking docker")
    assert (answer.status, answer.message()) == (404, "no")


def test_answer_in_chunks_is_joined() -> None:
    said = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n"
    with saying(said) as address:
        answer = Engine(address).request("GET", "/images/x/json", action="asking docker")
    assert answer.body == b"ab0123456789"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH\r\n", "is not a Docker engine"),
        (b"\r\n\r\n", "is not a Docker engine"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "is truncated"),
        *(
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body, "is truncated")
            for body in (b"", b"4\r\nhal", b"4\r\nhalf\r\n", b"4\r\nhalf\r\n0", b"-1\r\nhalf\r\n0\r\n\r\n", b"x\r\n")
        ),
    ],
)
def test_request_fails_as_unavailable_when_the_answer_is_none(said: bytes, words: str) -> None:
    with saying(said) as address:
        error = failure(address)
    assert isinstance(error, UnavailableError)
    assert words in error.message


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "unix:///nonexistent/docker.sock"])
def test_request_says_what_to_do_when_no_engine_runs(address: str) -> None:
    error = failure(address)
    assert isinstance(error, UnavailableError)
    assert error.message.startswith(f"asking docker: the Docker engine on {address} does not answer: ")
    assert error.hint is not None
    assert "systemctl start docker" in error.hint
    assert "--output podman, oci:DIR or archive:FILE" in error.hint


def test_request_is_denied_when_the_socket_is_closed_to_the_user(tmp_path: Path) -> None:
    place = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()
        place.chmod(0)
        with ordinary_user():
            error = failure(f"unix://{place}")
    assert isinstance(error, DeniedError)
    assert error.hint is not None
    assert "group docker" in error.hint


@pytest.mark.parametrize("address", ["ssh://me@h.invalid", "npipe:////./pipe/docker_engine", "unix://", "nonsense"])
def test_request_refuses_an_address_when_its_kind_is_unknown(address: str) -> None:
    error = failure(address)
    assert isinstance(error, SettingsError)
    assert "expected unix:// or tcp://" in error.message


def test_request_fails_as_unavailable_when_certificates_are_missing(tmp_path: Path) -> None:
    with saying(b"") as address:
        error = failure(address, {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)})
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))):
            pass  # lets the listener go
    assert isinstance(error, UnavailableError)
    assert "DOCKER_CERT_PATH" in (error.hint or "")
