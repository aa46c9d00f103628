"""What port 8081 answers, and to whom. Contract: H1–H4. Pure.

The pages are imported when somebody asks for them: a container that is only probed does without.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value
from . import access_token as status_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .request_head import Head
    from .usage import Usage
    from .values import Check, Status

PLAIN = "text/plain; charset=utf-8"
RUNNER = "grocker"  # whose log lines are the runner's own
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


class Response(Value):
    """``more``: what follows the body; ``fields``: further header fields; ``policy``: the Content-Security-Policy."""

    status: int
    body: str
    more: tuple[bytes, ...] = ()
    kind: str = PLAIN
    fields: tuple[tuple[str, str], ...] = ()
    policy: str = "default-src 'none'; frame-ancestors 'none'"


class Knowledge(Value):
    """Where answers come from. ``probed``: as ``status``, but for processes and jobs. ``tail``: the last log lines of a
    process or job, ``NAME access`` for an access log, None for the runner's own; ``token``: None where none is set.
    """

    status: Callable[[], Status]
    probed: Callable[[], Status]
    usage: Callable[[Status], Usage]
    tail: Callable[[str | None], Sequence[str]]
    token: bytes | None = None


def refusal(status: int) -> Response:
    """For a request that is none."""
    return Response(status=status, body=f"{REASONS[status]}\n")


def tells_metrics(head: Head, knowledge: Knowledge) -> bool:
    """Whether the answer is ``/metrics``, which the application's own may stand in."""
    return head.path == "/metrics" and _refused(head, knowledge) is None


def respond(head: Head, knowledge: Knowledge, application: tuple[bytes, ...] = ()) -> Response:
    """The answer. ``application``: the merged scrape's part of ``/metrics``."""
    refused = _refused(head, knowledge)
    if refused is not None:
        return refused
    if head.path in PROBES:
        verbose = "verbose" in {part.partition("=")[0] for part in head.query.split("&")}
        return _probe(head.path, verbose, knowledge.probed())
    return _told(head, knowledge, application)


def _refused(head: Head, knowledge: Knowledge) -> Response | None:
    if head.method not in ("GET", "HEAD"):
        return Response(
            status=405, body="GET and HEAD alone: nothing can be changed here\n", fields=(("Allow", "GET, HEAD"),)
        )
    if head.path not in _PATHS:
        return Response(status=404, body=f"Not Found: there is {', '.join(sorted(_PATHS))}\n")
    # A probe's answer is the container's fate, whatever credentials it brings.
    if head.path in PROBES or knowledge.token is None or _is_holder(head, knowledge):
        return None
    if head.authorization or head.path == "/log" or "token" in head.query.split("&"):
        return _unauthorized(knowledge.probed().application)
    return None


def _is_holder(head: Head, knowledge: Knowledge) -> bool:
    return knowledge.token is not None and status_token.fits(knowledge.token, head.authorization)


def _told(head: Head, knowledge: Knowledge, application: tuple[bytes, ...]) -> Response:
    path, holder = head.path, _is_holder(head, knowledge)
    if path == "/log":
        return _log(head.query.split("&"), knowledge, holder)
    status = knowledge.status()
    usage = knowledge.usage(status)
    if path == "/metrics":
        from . import metrics

        return Response(status=200, body=metrics.text(status, usage), more=application, kind=metrics.TYPE)
    tails = _tails(status, knowledge) if holder else None
    if path == "/status.json":
        from . import document

        return Response(status=200, body=document.text(status, usage, tails), kind=document.TYPE)
    from . import page

    text = page.text(status, usage, tails, token=knowledge.token is not None)
    return Response(status=200, body=text, kind=page.TYPE, policy=page.POLICY)


def _probe(path: str, verbose: bool, status: Status) -> Response:
    """As Kubernetes' own probes answer."""
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
            told = "has been ready" if status.was_ready else "has not been ready yet"
            lines.insert(0, f"[{'+' if passed else '-'}]started: {told}\n")
        body = f"{''.join(lines)}{path[1:]} check {'passed' if passed else 'failed'}\n"
    return Response(status=200 if passed else 503, body=body)


def _unauthorized(application: str) -> Response:
    realm = "".join(c for c in application if c.isascii() and (c.isalnum() or c in "-._")) or "status"
    return Response(
        status=401,
        body="the token is wrong or missing: pass it as Bearer, or as Basic's password\n",
        fields=(("WWW-Authenticate", f'Bearer realm="{realm}"'), ("WWW-Authenticate", f'Basic realm="{realm}"')),
    )


def _tails(status: Status, knowledge: Knowledge) -> dict[str, Sequence[str]]:
    """Of the runner and of each process; jobs are too many."""
    tails = {RUNNER: knowledge.tail(None)}
    for process in status.processes:
        tails[process.name] = knowledge.tail(process.name)
        access = knowledge.tail(f"{process.name} access")
        if access:
            tails[f"{process.name} access"] = access
    return tails


def _log(query: list[str], knowledge: Knowledge, holder: bool) -> Response:
    """``of=NAME`` for one, which may be a job."""
    if not holder:
        return Response(status=404, body=f"Not Found: no token is set, {status_token.VARIABLE} names its file\n")
    names = [value for key, _, value in (part.partition("=") for part in query) if key == "of"]
    if names:
        name = _decoded(names[0])
        return Response(
            status=200, body="".join(f"{line}\n" for line in knowledge.tail(None if name == RUNNER else name))
        )
    parts = [
        f"==> {name} <==\n" + "".join(f"{line}\n" for line in lines)
        for name, lines in _tails(knowledge.status(), knowledge).items()
    ]
    return Response(status=200, body="\n".join(parts))


def _decoded(value: str) -> str:
    """Of a query: ``+`` and ``%41``."""
    first, *rest = value.replace("+", " ").encode("latin-1", "replace").split(b"%")
    for part in rest:
        try:
            first += bytes((int(part[:2], 16),)) + part[2:]
        except ValueError:
            first += b"%" + part
    return first.decode("utf-8", "replace")
