"""The Docker Engine's API over its socket.

This is HTTP/1.0 written by hand: importing http.client costs 60 ms with ssl, and urllib3 130 ms, each more than a
build in which nothing changed may take, and such a build asks the engine once whether the image is still there. For
the same reason this module imports neither dataclasses (20 ms) nor typing (5 ms). In HTTP/1.0 an answer ends with the
connection, so there is no chunked coding to decode (RFC 1945, section 7.2.2); only a body whose size is not known when
it begins takes HTTP/1.1.
Source: Docker Engine API, version 1.24 and later; unversioned paths are served by every engine.
"""

from __future__ import annotations

import errno
import socket

from grocker.errors import DeniedError, SettingsError, UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DEFAULT = "unix:///var/run/docker.sock"
_CONNECT = 5.0  # seconds
_ANSWER = 30.0  # seconds
_UNPACKED = 900.0  # seconds; an engine that unpacks a large image says nothing for long
_MOST_ANSWER = 64 << 20  # bytes; a list of thousands of images has some


class EngineAnswer:
    """An engine's answer: ``status`` and the whole ``body``."""

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    def message(self) -> str:
        """The engine's own error message, on one line."""
        from grocker.decoding import decode_json

        try:
            said = decode_json(self.body)["message"]
        except (ValueError, KeyError, TypeError):
            said = self.body.decode("utf-8", "replace")
        return one_line(str(said))


class Engine:
    """Where an engine listens.

    ``address``: as DOCKER_HOST writes it, ``unix://PATH`` or ``tcp://HOST:PORT``. ``certificates``: the directory of
    ca.pem, cert.pem and key.pem when TLS is wanted (DOCKER_TLS_VERIFY, DOCKER_CERT_PATH).
    """

    __slots__ = ("address", "certificates")

    def __init__(self, address: str, certificates: str | None = None) -> None:
        self.address = address
        self.certificates = certificates

    def request(
        self, method: str, path: str, *, action: str, body: Iterable[bytes] = (), size: int = 0, kind: str = ""
    ) -> EngineAnswer:
        """Send one request and return the answer. ``body``: ``size`` bytes of media type ``kind``.

        An answer counts even if the engine gives it before it has read the whole body.
        Raises UnavailableError, DeniedError, SettingsError.
        """
        head = f"{method} {path} HTTP/1.0\r\nHost: docker\r\nUser-Agent: grocker\r\n"
        if method == "POST":
            head += f"Content-Type: {kind}\r\nContent-Length: {size}\r\n"
        with self._connect(action) as stream:
            stream.settimeout(_UNPACKED if method == "POST" else _ANSWER)
            cut = self._send(stream, head.encode("ascii") + b"\r\n", action)
            for chunk in body:
                if cut is not None:
                    break
                cut = self._send(stream, chunk, action)
            try:
                answer = b"".join(_received(stream))
            except OSError as error:
                raise self._down(action, cut or error) from error
            return self._parse(answer, action, cut)

    @property
    def is_local(self) -> bool:
        """Whether it listens on a socket of this host's file system."""
        return self.address.startswith("unix:")

    def begin(self, path: str, *, action: str, kind: str, body: bytes) -> OpenRequest:
        """Begin a POST with the first piece of a body of media type ``kind``. Raises as ``request``."""
        head = f"POST {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: grocker\r\nConnection: close\r\n"
        head += f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        stream = self._connect(action)
        stream.settimeout(_UNPACKED)
        begun = OpenRequest(self, stream, action)
        try:
            begun.cut = self._send(stream, head.encode("ascii"), action)
            begun.send(body)
        except BaseException:
            begun.abandon()
            raise
        return begun

    def _send(self, stream: socket.socket, data: bytes, action: str) -> OSError | None:
        """Send ``data``; return the error when the engine stopped reading."""
        try:
            stream.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            return error
        except OSError as error:
            raise self._down(action, error) from error
        return None

    def _parse(self, answer: bytes, action: str, cut: OSError | None) -> EngineAnswer:
        head, found, body = answer.partition(b"\r\n\r\n")
        first = head.partition(b"\r\n")[0].split(None, 2)
        status = first[1] if len(first) > 1 and len(first[1]) == 3 else b""
        if not found or not head.startswith(b"HTTP/1.") or not status.isdigit():
            if cut is not None or not answer:
                raise UnavailableError(
                    f"{action}: {self.address} closed the connection without an answer",
                    hint="check whether the engine runs; its log says why it stopped",
                ) from cut
            raise UnavailableError(f"{action}: {self.address} is not a Docker engine", hint="check DOCKER_HOST")
        headers = head.lower()
        if b"\r\ncontent-length:" in headers:
            announced = headers.split(b"\r\ncontent-length:", 1)[1].partition(b"\r\n")[0].strip()
            if announced.isdigit() and len(body) < int(announced[:18]):
                raise UnavailableError(f"{action}: the answer from {self.address} is truncated", hint="try again")
        if b"\r\ntransfer-encoding: chunked" in headers:
            whole = _join_chunks(body)
            if whole is None:
                raise UnavailableError(f"{action}: the answer from {self.address} is truncated", hint="try again")
            body = whole
        return EngineAnswer(int(status), body)

    def _connect(self, action: str) -> socket.socket:
        kind, _, place = self.address.partition("://")
        if kind == "unix" and place:
            stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        elif kind in ("tcp", "http") and place:
            stream = socket.socket()
        else:
            raise SettingsError(
                f"{action}: unsupported DOCKER_HOST {self.address}: expected unix:// or tcp://",
                hint="over ssh, forward the socket with ssh -L and set DOCKER_HOST=unix://PATH",
            )
        try:
            if kind == "unix":
                stream.settimeout(_CONNECT)
                stream.connect(place)
            else:
                stream.close()
                stream = self._over_tcp(place.rstrip("/"), action)
        except OSError as error:
            stream.close()
            raise self._down(action, error) from error
        return stream

    def _over_tcp(self, place: str, action: str) -> socket.socket:
        host, colon, port = place.rpartition(":")
        if not colon or not port.isdigit():
            host, port = place, "2376" if self.certificates else "2375"
        host = host.strip("[]")
        stream = socket.create_connection((host, int(port)), timeout=_CONNECT)
        if self.certificates is None:
            return stream
        import ssl

        try:
            context = ssl.create_default_context(cafile=f"{self.certificates}/ca.pem")
            context.load_cert_chain(f"{self.certificates}/cert.pem", f"{self.certificates}/key.pem")
            return context.wrap_socket(stream, server_hostname=host)
        except OSError as error:
            stream.close()
            raise UnavailableError(
                f"{action}: TLS with {self.address} failed: {error.strerror or error}",
                hint=f"check the certificates in {self.certificates} (DOCKER_CERT_PATH)",
            ) from error

    def _down(self, action: str, error: OSError) -> UnavailableError | DeniedError:
        if error.errno in (errno.EACCES, errno.EPERM):
            return DeniedError(
                f"{action}: permission denied: {self.address}",
                hint="join the group docker (sudo usermod -aG docker $USER, then log in again), "
                "or use podman: --output podman",
            )
        reason = (error.strerror or str(error) or "no answer").lower()
        return UnavailableError(
            f"{action}: the Docker engine on {self.address} does not answer: {reason}",
            hint="start it (sudo systemctl start docker), name another one in DOCKER_HOST, "
            "or deliver the image elsewhere: --output podman, oci:DIR or archive:FILE",
        )


class OpenRequest:
    """A request whose body is not sent whole yet (RFC 9112, section 7.1)."""

    __slots__ = ("_action", "_engine", "_stream", "cut")

    def __init__(self, engine: Engine, stream: socket.socket, action: str) -> None:
        self._engine = engine
        self._stream = stream
        self._action = action
        self.cut: OSError | None = None
        """that the engine stopped reading"""

    def send(self, data: bytes) -> bool:
        """Send a piece of the body; return whether the engine still reads. Raises as ``Engine.request``."""
        if data and self.cut is None:
            chunk = b"%x\r\n%b\r\n" % (len(data), data)
            self.cut = self._engine._send(self._stream, chunk, self._action)
        return self.cut is None

    def finish(self) -> EngineAnswer:
        """End the body, and return the answer. Raises as ``Engine.request``."""
        with self._stream:
            if self.cut is None:
                self.cut = self._engine._send(self._stream, b"0\r\n\r\n", self._action)
            try:
                answer = b"".join(_received(self._stream))
            except OSError as error:
                raise self._engine._down(self._action, self.cut or error) from error
            return self._engine._parse(answer, self._action, self.cut)

    def abandon(self) -> None:
        """Close the connection; an engine drops what it has read."""
        self._stream.close()


def of_environment(environ: Mapping[str, str]) -> Engine:
    """Find the engine that docker's own client would use; its contexts are ignored."""
    address = environ.get("DOCKER_HOST", "").strip() or DEFAULT
    if not environ.get("DOCKER_TLS_VERIFY") or address.startswith("unix:"):
        return Engine(address)
    place = environ.get("DOCKER_CERT_PATH") or f"{environ.get('HOME', '')}/.docker"
    return Engine(address, place)


def evidence(name: str, identities: Iterable[str]) -> tuple[str, ...]:
    """Evidence that an engine has an image of that name, under one of these ids; see ``places.is_still_there``."""
    return ("docker", name, *identities)


def is_still_there(evidence: Sequence[str], environ: Mapping[str, str]) -> bool:
    """See ``places.is_still_there``."""
    from grocker.errors import GrockerError

    _, name, *identities = evidence
    try:
        answer = of_environment(environ).request("GET", f"/images/{name}/json", action="asking docker")
    except GrockerError:
        return False
    return answer.status == 200 and any(f'"Id":"{one}"'.encode() in answer.body for one in identities)


def one_line(text: str) -> str:
    """Write ``text`` on one line, without control characters, in at most 300 characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def _join_chunks(body: bytes) -> bytes | None:
    """Join the chunks of a body; None when it is not whole."""
    found: list[bytes] = []
    while True:
        line, end, rest = body.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            return None
        if size == 0 and end:
            return b"".join(found)
        if size <= 0 or len(rest) < size + 2:
            return None
        found.append(rest[:size])
        body = rest[size + 2 :]


def _received(stream: socket.socket) -> Iterator[bytes]:
    size = 0
    try:
        while chunk := stream.recv(1 << 16):
            size += len(chunk)
            if size > _MOST_ANSWER:
                raise OSError(errno.EMSGSIZE, f"the answer has more than {_MOST_ANSWER} bytes")
            yield chunk
    except ConnectionResetError:
        # An engine that answers while it is still being sent bytes resets the connection instead of closing it.
        return
