"""nginx's configuration: files of ``/static`` and ``/media``, everything else to the server behind. Contract: V2, X1.

Sources: nginx's reference of directives; the choices are explained in docs/decisions/0082 and 0083. Pure.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value
from ..process.listeners import BACKLOG

if TYPE_CHECKING:
    from collections.abc import Iterable

PEER = "X-Grocker-Peer"
"""The header in which the server is told of nginx's peer: address, port and scheme, with blanks between. What the
client says of itself goes on as it came: ``client_headers`` judges it, in front of every server."""
_KEPT = (
    "Access-Control-Allow-Origin",
    "Content-Language",
    "Content-Security-Policy",
    "Cross-Origin-Resource-Policy",
    "Referrer-Policy",
    "Vary",
    "X-Content-Type-Options",
    "X-Frame-Options",
)
"""Headers of an answer with X-Accel-Redirect that nginx would drop, beside those that it keeps itself."""
_TYPES = """\
application/atom+xml atom
application/gzip gz
application/json json map
application/manifest+json webmanifest
application/pdf pdf
application/rss+xml rss
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/wasm wasm
application/xhtml+xml xhtml
application/xml xml xsl xsd
application/zip zip
audio/mp4 m4a
audio/mpeg mp3
audio/ogg oga ogg opus
audio/wav wav
audio/webm weba
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/avif avif
image/bmp bmp
image/gif gif
image/jpeg jpg jpeg
image/png png apng
image/svg+xml svg
image/tiff tif tiff
image/webp webp
image/x-icon ico
text/calendar ics
text/css css
text/csv csv
text/html html htm
text/javascript js mjs
text/markdown md
text/plain txt
text/vtt vtt
video/mp4 mp4 m4v
video/mpeg mpeg mpg
video/ogg ogv
video/quicktime mov
video/webm webm"""
_ANYWHERE = ("0.0.0.0/0", "::/0")


class Front(Value):
    """What nginx is told.

    ``home``: a directory of its own, all that it writes is below it; ``upstream``: path of the Unix socket that the
    server listens on; ``asynchronous``: whether a slow client costs the server nothing; ``media``: the directory that
    X-Accel-Redirect reaches as ``/media``, or None; ``static``: directories that ``/static`` shows, ``revision``
    identifies what is in them; ``access``: descriptor of the access log; ``trusted``: networks (X1), ``*`` for all;
    ``connections``: of a worker; ``shutdown``: milliseconds that answers have once it is asked to end.
    """

    home: str
    upstream: str
    asynchronous: bool
    media: str | None
    static: tuple[str, ...]
    revision: str
    access: int
    port: int
    ipv6: bool
    trusted: tuple[str, ...]
    workers: int
    connections: int
    shutdown: int


def text(front: Front) -> str:
    """The whole file."""
    lines = [
        "daemon off;",
        f"pid {front.home}/pid;",
        f"lock_file {front.home}/lock;",
        "error_log stderr warn;",
        f"worker_processes {front.workers};",
        f"worker_shutdown_timeout {front.shutdown}ms;",
        *_block("events", [f"worker_connections {front.connections};"]),
        *_block("http", _http(front)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _http(front: Front) -> list[str]:
    return [
        *_block("types", [f"{line};" for line in _TYPES.splitlines()]),
        "default_type application/octet-stream;",
        *(f"{name}_temp_path {front.home}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
        "server_tokens off;",
        "sendfile on;",
        "tcp_nopush on;",
        "large_client_header_buffers 8 16k;",
        "client_max_body_size 0;",
        *_real_ip(front.trusted),
        f"access_log /dev/fd/{front.access} combined;",
        "map $http_host $passed_host { default $http_host; '' localhost; }",
        "map $http_upgrade $passed_upgrade { ~*^websocket$ websocket; default ''; }",
        "map $passed_upgrade $passed_connection { default upgrade; '' ''; }",
        *_block("upstream application", [f"server unix:{front.upstream};", "keepalive 32;", "keepalive_timeout 30s;"]),
        *_block("server", _server(front)),
    ]


def _real_ip(trusted: Iterable[str]) -> list[str]:
    """For the access log alone."""
    networks = [network for name in trusted for network in (_ANYWHERE if name == "*" else (name,))]
    if not networks:
        return []
    lines = [f"set_real_ip_from {network};" for network in networks]
    return [*lines, "real_ip_header X-Forwarded-For;", "real_ip_recursive on;"]


def _server(front: Front) -> list[str]:
    lines = [f"listen {front.port} default_server backlog={BACKLOG};"]
    if front.ipv6:
        lines.append(f"listen [::]:{front.port} default_server ipv6only=on backlog={BACKLOG};")
    lines += [
        "absolute_redirect off;",
        "proxy_http_version 1.1;",
        "proxy_set_header Host $passed_host;",
        f"proxy_set_header {PEER} '$realip_remote_addr $realip_remote_port $scheme';",
        "proxy_set_header Upgrade $passed_upgrade;",
        "proxy_set_header Connection $passed_connection;",
        "proxy_redirect off;",
        "proxy_request_buffering off;",
        f"proxy_buffering {'off' if front.asynchronous else 'on'};",
        "proxy_buffer_size 32k;",
        "proxy_buffers 32 32k;",
        "proxy_max_temp_file_size 0;",
        "proxy_read_timeout 1h;",
        "proxy_send_timeout 1h;",
        *_block("location /", ["proxy_pass http://application;"]),
        *_block("location @application", ["proxy_pass http://application;"]),
    ]
    if front.static:
        lines += _block("location ~ ^/static/(?<file>.+)$", _static(front))
        lines += _block("location @unchanged", _unchanged(front))
    if front.media is not None:
        lines += _block("location ^~ /media/", _media(front.media))
        lines += _block("location @missing", ["return 404;"])
    return lines


def _static(front: Front) -> list[str]:
    """Files of the image have one and the same time of change: the revision tells those of two images apart."""
    return [
        "root /;",
        "etag off;",
        "if_modified_since off;",
        *_validators(front),
        "error_page 418 = @unchanged;",
        f"if ($http_if_none_match ~ '\"{front.revision}\"') {{ return 418; }}",
        f"try_files {' '.join(f'{directory}/$file' for directory in front.static)} @application;",
    ]


def _unchanged(front: Front) -> list[str]:
    """Such an answer has no length but the file's (RFC 9110, 8.6): SSI, which has no other use here, takes it away."""
    return [*_validators(front), "ssi on;", "ssi_types *;", "ssi_last_modified on;", "return 304 unchanged;"]


def _validators(front: Front) -> list[str]:
    return [
        "add_header Last-Modified '';",
        f"add_header ETag '\"{front.revision}\"';",
        "add_header Cache-Control no-cache;",
    ]


def _media(directory: str) -> list[str]:
    """For the server's answers alone; what a client asks for there is the application's to answer, as anywhere."""
    return [
        "internal;",
        "error_page 404 = @application;",
        f"root {directory.removesuffix('/media') or '/'};",
        f"disable_symlinks on from={directory};",
        *(f"add_header {name} $upstream_http_{name.lower().replace('-', '_')};" for name in _KEPT),
        "try_files $uri @missing;",
    ]


def _block(head: str, lines: Iterable[str]) -> list[str]:
    return [f"{head} {{", *(f"    {line}" for line in lines), "}"]
