"""The responses of the status port, and who gets them. Contract: H1–H4. Pure.

Pages are imported on demand: a container that is only probed does without them.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value
from ..contract.names import GROCKER_STATUS_TOKEN_FILE
from .access_token import is_valid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .request_head import RequestHead
    from .usage import Usage
    from .values import Check, Status

PLAIN = "text/plain; charset=utf-8"
RUNNER = "grocker"  # the name of the runner's own log lines
PROBES = ("/livez", "/readyz", "/startupz")
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_PATHS = frozenset({*PROBES, "/", "/metrics", "/status.json", "/log"})


class StatusResponse(Value):
    """``more``: follows the body; ``fields``: further headers; ``policy``: the Content-Security-Policy."""

    status: int
    body: str
    more: tuple[bytes, ...] = ()
    kind: str = PLAIN
    fields: tuple[tuple[str, str], ...] = ()
    policy: str = "default-src 'none'; frame-ancestors 'none'"


class StatusSources(Value):
    """Where responses come from. ``probed``: like ``status``, without processes and jobs. ``tail``: the last log lines
    of a process or job, of ``NAME access`` for an access log, of None for the runner; ``token``: None if none is set.
    """

    status: Callable[[], Status]
    probed: Callable[[], Status]
    usage: Callable[[Status], Usage]
    tail: Callable[[str | None], Sequence[str]]
    token: bytes | None = None


def refuse(status: int) -> StatusResponse:
    """Return the response to a malformed request."""
    return StatusResponse(status=status, body=f"{REASONS[status]}\n")


def is_metrics_request(head: RequestHead, sources: StatusSources) -> bool:
    """Whether the response is ``/metrics``, into which the application's own may be merged."""
    return head.path == "/metrics" and _reject(head, sources) is None


def respond(head: RequestHead, sources: StatusSources, application: tuple[bytes, ...] = ()) -> StatusResponse:
    """Return the response. ``application``: the application's part of ``/metrics``."""
    rejection = _reject(head, sources)
    if rejection is not None:
        return rejection
    if head.path in PROBES:
        verbose = "verbose" in {part.partition("=")[0] for part in head.query.split("&")}
        return _probe(head.path, verbose, sources.probed())
    return _page(head, sources, application)


def _reject(head: RequestHead, sources: StatusSources) -> StatusResponse | None:
    if head.method not in ("GET", "HEAD"):
        return StatusResponse(
            status=405,
            body="Method Not Allowed: this port is read-only, use GET or HEAD\n",
            fields=(("Allow", "GET, HEAD"),),
        )
    if head.path not in _PATHS:
        return StatusResponse(status=404, body=f"Not Found: this port has {', '.join(sorted(_PATHS))}\n")
    # The engine acts on probes, so they are answered whatever credentials they bring.
    if head.path in PROBES or sources.token is None or _is_holder(head, sources):
        return None
    if head.authorization or head.path == "/log" or "token" in head.query.split("&"):
        return _unauthorized(sources.probed().application)
    return None


def _is_holder(head: RequestHead, sources: StatusSources) -> bool:
    return sources.token is not None and is_valid(sources.token, head.authorization)


def _page(head: RequestHead, sources: StatusSources, application: tuple[bytes, ...]) -> StatusResponse:
    path, holder = head.path, _is_holder(head, sources)
    if path == "/log":
        return _log(head.query.split("&"), sources, holder)
    status = sources.status()
    usage = sources.usage(status)
    if path == "/metrics":
        from . import metrics

        return StatusResponse(status=200, body=metrics.text(status, usage), more=application, kind=metrics.TYPE)
    tails = _tails(status, sources) if holder else None
    if path == "/status.json":
        from . import document

        return StatusResponse(status=200, body=document.text(status, usage, tails), kind=document.TYPE)
    from . import page

    text = page.text(status, usage, tails, token=sources.token is not None)
    return StatusResponse(status=200, body=text, kind=page.TYPE, policy=page.POLICY)


def _probe(path: str, verbose: bool, status: Status) -> StatusResponse:
    """Respond as the probes of Kubernetes' own components do."""
    checks: tuple[Check, ...]
    if path == "/livez":
        passed, checks = all(check.passed for check in status.live), status.live
    else:
        passed, checks = all(check.passed for check in status.ready), status.ready
        if path == "/startupz":
            passed, checks = status.was_ready, () if status.was_ready else checks
    failed = next((f": {check.name}: {check.text}" for check in checks if not check.passed), "")
    body = "ok\n" if passed else f"not ok{failed}\n"
    if verbose:
        lines = [f"[{'+' if check.passed else '-'}]{check.name}: {check.text}\n" for check in checks]
        if path == "/startupz":
            text = "has been ready" if status.was_ready else "has not been ready yet"
            lines.insert(0, f"[{'+' if passed else '-'}]started: {text}\n")
        body = f"{''.join(lines)}{path[1:]} check {'passed' if passed else 'failed'}\n"
    return StatusResponse(status=200 if passed else 503, body=body)


def _unauthorized(application: str) -> StatusResponse:
    realm = "".join(c for c in application if c.isascii() and (c.isalnum() or c in "-._")) or "status"
    return StatusResponse(
        status=401,
        body="Unauthorized: wrong or missing token; send it as Bearer token, or as password with Basic "
        "authentication\n",
        fields=(("WWW-Authenticate", f'Bearer realm="{realm}"'), ("WWW-Authenticate", f'Basic realm="{realm}"')),
    )


def _tails(status: Status, sources: StatusSources) -> dict[str, Sequence[str]]:
    """Return the last lines of the runner and of each process; there may be too many jobs."""
    tails = {RUNNER: sources.tail(None)}
    for process in status.processes:
        tails[process.name] = sources.tail(process.name)
        access = sources.tail(f"{process.name} access")
        if access:
            tails[f"{process.name} access"] = access
    return tails


def _log(query: list[str], sources: StatusSources, holder: bool) -> StatusResponse:
    """Respond with log lines; ``of=NAME`` selects one process or job."""
    if not holder:
        return StatusResponse(status=404, body=f"Not Found: the log needs a token; set {GROCKER_STATUS_TOKEN_FILE}\n")
    names = [value for key, _, value in (part.partition("=") for part in query) if key == "of"]
    if names:
        name = _decoded(names[0])
        return StatusResponse(
            status=200, body="".join(f"{line}\n" for line in sources.tail(None if name == RUNNER else name))
        )
    parts = [
        f"==> {name} <==\n" + "".join(f"{line}\n" for line in lines)
        for name, lines in _tails(sources.status(), sources).items()
    ]
    return StatusResponse(status=200, body="\n".join(parts))


def _decoded(value: str) -> str:
    """Decode ``+`` and ``%41`` in a query."""
    first, *rest = value.replace("+", " ").encode("latin-1", "replace").split(b"%")
    for part in rest:
        try:
            first += bytes((int(part[:2], 16),)) + part[2:]
        except ValueError:
            first += b"%" + part
    return first.decode("utf-8", "replace")
