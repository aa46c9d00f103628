"""nginx in front of a server, when a service shows static files or hands out media. Contract: U1, V2, X1.

It inherits the sockets of the application port as it would from an older nginx (nginx, "Upgrading Executable on the
Fly": the variable NGINX), so they outlive it. All that it writes is in one directory of the runner's. Sources: nginx's
reference of directives; the choices are explained in docs/decisions/0082 and 0083.
"""

from __future__ import annotations

import math

from ..base import scratch
from ..base.c_modules import signal
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import MEDIA, PEER_HEADER
from ..process.listeners import BACKLOG
from ..process.program import Program
from .table import FRONT_SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..contract.names import ContainerLayout
    from ..contract.spec import Service
    from .table import ServerContext

STOP_SIGNAL = signal.SIGQUIT  # graceful; SIGTERM is not
_NGINX = "/usr/sbin/nginx"
_WORKERS = 2
_CONNECTIONS = 4096  # of a worker; a request that is passed on to the server takes two
_RESERVED_FILES = 32  # descriptors that are no connections
_FEWEST_CONNECTIONS = 64
_PASSED_ON = ("LANG", "PATH", "TZ", "TZDIR")  # of the environment: nginx must not get the application's secrets
_ANY_NETWORK = ("0.0.0.0/0", "::/0")
_KEPT_HEADERS = (
    "Access-Control-Allow-Origin",
    "Content-Language",
    "Content-Security-Policy",
    "Cross-Origin-Resource-Policy",
    "Referrer-Policy",
    "Vary",
    "X-Content-Type-Options",
    "X-Frame-Options",
)
"""Headers of a response with X-Accel-Redirect that nginx would drop, in addition to those that it keeps itself."""
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


class FrontSettings(Value):
    """What nginx's configuration depends on.

    ``home``: nginx's own directory; ``upstream``: path of the Unix socket that the server listens on; ``asynchronous``:
    whether slow clients cost the server nothing; ``media``: the directory that X-Accel-Redirect reaches as ``/media``,
    or None; ``static``: directories that ``/static`` shows; ``revision``: identifies their content; ``access``:
    descriptor of the access log; ``trusted``: networks (X1), ``*`` for all; ``connections``: of a worker; ``shutdown``:
    milliseconds that responses have once nginx is asked to stop.
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


def front_settings(
    service: Service,
    context: ServerContext,
    layout: ContainerLayout,
    *,
    revision: str,
    trusted: Sequence[str],
    files: int,
) -> FrontSettings:
    """Return the settings for a service. ``context``: as for a server; ``files``: the limit of open files."""
    return FrontSettings(
        home=layout.front,
        upstream=layout.upstream,
        asynchronous=service.asgi is not None,
        media=layout.media if service.media else None,
        static=service.static,
        revision=revision,
        access=context.access,
        port=layout.application_port,
        ipv6=len(context.sockets) > 1,
        trusted=tuple(trusted),
        workers=max(1, min(_WORKERS, math.ceil(context.limits.cpus))),
        connections=max(_FEWEST_CONNECTIONS, min(_CONNECTIONS, files - _RESERVED_FILES)),
        shutdown=max(100, int(context.stop_timeout * FRONT_SHARE * 900)),
    )


def configure(settings: FrontSettings) -> None:
    """Create nginx's directory, with the configuration in it. Raises Failure (73)."""
    scratch.make_directory(settings.home)
    scratch.write(f"{settings.home}/nginx.conf", configuration(settings).encode())


def command(home: str) -> Program:
    """Return nginx's command line, with the configuration in ``home``."""
    return Program(path=_NGINX, arguments=(_NGINX, "-e", "stderr", "-p", home, "-c", f"{home}/nginx.conf"))


def environment(environ: Mapping[str, str], sockets: Sequence[int]) -> dict[str, str]:
    """Return nginx's environment. ``sockets``: listening, and non-blocking, which nginx expects of inherited ones."""
    kept = {name: environ[name] for name in _PASSED_ON if name in environ}
    return {**kept, "NGINX": "".join(f"{descriptor};" for descriptor in sockets)}


def configuration(settings: FrontSettings) -> str:
    """Return the text of the configuration file.

    The server learns nginx's own peer from PEER_HEADER; the client's headers are passed on unchanged, for
    ``client_headers`` to judge, as in front of every server.
    """
    home, port = settings.home, settings.port
    types = "".join(f"        {line};\n" for line in _TYPES.splitlines())
    ipv6 = f"listen [::]:{port} default_server ipv6only=on backlog={BACKLOG};" if settings.ipv6 else ""
    return f"""\
daemon off;
pid {home}/pid;
lock_file {home}/lock;
error_log stderr warn;
worker_processes {settings.workers};
worker_shutdown_timeout {settings.shutdown}ms;
events {{
    worker_connections {settings.connections};
}}
http {{
    types {{
{types}    }}
    default_type application/octet-stream;
    client_body_temp_path {home}/client_body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    large_client_header_buffers 8 16k;
    client_max_body_size 0;
{_real_ip(settings.trusted)}    access_log /dev/fd/{settings.access} combined;
    map $http_host $passed_host {{ default $http_host; '' localhost; }}
    map $http_upgrade $passed_upgrade {{ ~*^websocket$ websocket; default ''; }}
{_unchanged(settings)}    map $passed_upgrade $passed_connection {{ default upgrade; '' ''; }}
    upstream application {{
        server unix:{settings.upstream};
        keepalive 32;
        keepalive_timeout 30s;
    }}
    server {{
        listen {port} default_server backlog={BACKLOG};
        {ipv6}
        absolute_redirect off;
        proxy_http_version 1.1;
        proxy_set_header Host $passed_host;
        proxy_set_header {PEER_HEADER} '$realip_remote_addr $realip_remote_port $scheme';
        proxy_set_header Upgrade $passed_upgrade;
        proxy_set_header Connection $passed_connection;
        proxy_redirect off;
        proxy_request_buffering off;
        proxy_buffering {"off" if settings.asynchronous else "on"};
        proxy_buffer_size 32k;
        proxy_buffers 32 32k;
        proxy_max_temp_file_size 0;
        proxy_read_timeout 1h;
        proxy_send_timeout 1h;
        location / {{
            proxy_pass http://application;
        }}
        location @application {{
            proxy_pass http://application;
        }}
{_static(settings)}{_media(settings.media)}    }}
}}
"""


def _real_ip(trusted: Sequence[str]) -> str:
    """For the access log only."""
    networks = [network for name in trusted for network in (_ANY_NETWORK if name == "*" else (name,))]
    if not networks:
        return ""
    lines = "".join(f"    set_real_ip_from {network};\n" for network in networks)
    return f"{lines}    real_ip_header X-Forwarded-For;\n    real_ip_recursive on;\n"


def _unchanged(settings: FrontSettings) -> str:
    """Conditions are for GET and HEAD only (RFC 9110, 13.1.2)."""
    if not settings.static:
        return ""
    return f"""\
    map "$request_method $http_if_none_match" $unchanged {{
        '~^(GET|HEAD) .*"{settings.revision}"' 1;
        default '';
    }}
"""


def _static(settings: FrontSettings) -> str:
    """All files of an image have the same modification time, so the revision is their ETag.

    It is the same for all files, so whether there is such a file is looked up before a 304: a missing one is the
    application's to answer. An ``if`` with anything but ``return`` in it would switch ``try_files`` off.

    A 304 may not have a length other than the file's (RFC 9110, 8.6), which ``return`` would add: SSI, which has no
    other use here, removes it.
    """
    if not settings.static:
        return ""
    present = "".join(
        f"            if (-f '{directory}/$file') {{ return 304 unchanged; }}\n" for directory in settings.static
    )
    places = " ".join(f"{directory}/$file" for directory in settings.static)
    validators = f"""\
            add_header Last-Modified '';
            add_header ETag '"{settings.revision}"';
            add_header Cache-Control no-cache;"""
    return f"""\
        location ~ ^/static/(?<file>.+)$ {{
            root /;
            etag off;
            if_modified_since off;
{validators}
            recursive_error_pages on;
            error_page 418 = @unchanged;
            if ($unchanged) {{ return 418; }}
            try_files {places} @application;
        }}
        location @unchanged {{
{validators}
            ssi on;
            ssi_types *;
            ssi_last_modified on;
            error_page 418 = @application;
{present}            return 418;
        }}
"""


def _media(directory: str | None) -> str:
    """For the server's responses only; a client's request for the same path is the application's to answer."""
    if directory is None:
        return ""
    headers = "".join(
        f"            add_header {name} $upstream_http_{name.lower().replace('-', '_')};\n" for name in _KEPT_HEADERS
    )
    return f"""\
        location ^~ {MEDIA}/ {{
            internal;
            error_page 404 = @application;
            root {directory.removesuffix(MEDIA) or "/"};
            disable_symlinks on from={directory};
{headers}            try_files $uri @missing;
        }}
        location @missing {{
            return 404;
        }}
"""
