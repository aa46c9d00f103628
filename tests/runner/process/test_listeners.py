from __future__ import annotations

import _socket
import socket
from pathlib import Path

import pytest

from grocker.runner.base.failure import CANNOT_WRITE, PORT_TAKEN, Failure
from grocker.runner.process.listeners import is_listening, open_listeners, open_unix_listener, restore_unix_name


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _public(opened: _socket.socket) -> socket.socket:
    return socket.socket(fileno=opened.detach())


def test_sockets_listen_on_all_addresses() -> None:
    port = _free()
    sockets = [_public(one) for one in open_listeners(port)]
    try:
        assert is_listening(port)
        for listener, address in zip(sockets, ("127.0.0.1", "::1"), strict=False):
            with socket.create_connection((address, port), 5), listener.accept()[0]:
                pass
        with pytest.raises(Failure, match=f"port {port}: .*; stop the program that listens there") as caught:
            open_listeners(port)
        assert caught.value.status == PORT_TAKEN
    finally:
        for listener in sockets:
            listener.close()
    assert not is_listening(port)


def test_one_socket_listens_on_all_addresses_when_there_is_to_be_one() -> None:
    port = _free()
    (opened,) = open_listeners(port, single=True)
    with _public(opened) as listener:
        for address in ("127.0.0.1", "::1") if listener.family == socket.AF_INET6 else ("127.0.0.1",):
            with socket.create_connection((address, port), 5), listener.accept()[0]:
                pass
        with pytest.raises(Failure) as caught:
            open_listeners(port, single=True)
        assert caught.value.status == PORT_TAKEN


def test_unix_socket_is_found_when_a_server_removes_its_name(tmp_path: Path) -> None:
    path = str(tmp_path / "upstream")
    with _public(open_unix_listener(path)) as listener:
        for _ in range(2):
            Path(listener.getsockname()).unlink()  # as gunicorn does when it ends
            restore_unix_name(path)
            restore_unix_name(path)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                listener.accept()[0].close()


def test_unix_socket_is_refused_when_there_is_no_place_for_it(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="mount a tmpfs at /tmp") as caught:
        open_unix_listener(str(tmp_path / "missing" / "upstream"))
    assert caught.value.status == CANNOT_WRITE
