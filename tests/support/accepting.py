"""A port of this process whose connections a function serves, for servers that do not speak HTTP as they should."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.patience import PATIENCE


@contextmanager
def accepting(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Serve every connection to a port of loopback in a thread of its own until the block ends; yield the port.

    ``serve`` closes its connection; an OSError there ends it quietly.

    Accepting ends before the socket is closed. A close would not interrupt accept(2) in another thread, which stays in
    the system call by the number of the descriptor. Any signal, SIGCHLD for one, starts the call again, and by then the
    number may be that of another test's server, whose client gets an answer from here.
    """

    def handle(client: socket.socket) -> None:
        try:
            serve(client)
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)
