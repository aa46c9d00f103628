from __future__ import annotations

import socket
import subprocess

from tests.support.accepting import accepting


def _greet(client: socket.socket) -> None:
    with client:
        client.sendall(b"hello")


def test_connections_are_served_side_by_side() -> None:
    with accepting(_greet) as port, socket.create_connection(("127.0.0.1", port)) as first:
        with socket.create_connection(("127.0.0.1", port)) as second:
            assert second.recv(10) == b"hello"
        assert first.recv(10) == b"hello"


def test_next_server_gets_its_connections_itself() -> None:
    """Its descriptor usually has the number of the last one's; a child's end is the signal."""
    with accepting(_greet):
        pass
    with socket.create_server(("127.0.0.1", 0)) as other:
        for _ in range(10):
            subprocess.run(["true"], check=True)
        with socket.create_connection(other.getsockname(), 20) as client:
            other.settimeout(20)
            accepted, _ = other.accept()
            with accepted:
                accepted.sendall(b"mine")
            assert client.recv(10) == b"mine"
