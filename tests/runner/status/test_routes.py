from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from typing import Any

import pytest

from grocker.runner.status import routes
from grocker.runner.status.request_head import RequestHead
from grocker.runner.status.routes import StatusResponse, StatusSources, respond
from grocker.runner.status.values import Check, Status
from tests.support.statuses import SECRET_ARGUMENT, cron_status, service_status, tail, usage

NOW = time.time()
BEARER = "Bearer s3same"
BASIC = "Basic " + base64.b64encode(b":s3same").decode()
PUBLIC = ("/", "/status.json", "/metrics", "/livez", "/readyz", "/startupz", "/readyz?verbose")


def _changed(status: Status, **fields: object) -> Status:
    return Status(**{name: getattr(status, name) for name in Status.__annotations__} | fields)


SERVICE = service_status(NOW, NOW)


def _knowledge(status: Status = SERVICE, token: bytes | None = None) -> StatusSources:
    return StatusSources(
        status=lambda: status, probed=lambda: status, usage=lambda _: usage(NOW), tail=tail, token=token
    )


def _get(
    target: str, knowledge: StatusSources | None = None, *, authorization: str = "", method: str = "GET"
) -> StatusResponse:
    path, _, query = target.partition("?")
    head = RequestHead(method=method, path=path, query=query, authorization=authorization)
    return respond(head, knowledge or _knowledge())


FAILED = Check(name="ready", passed=False, text="does not accept on port 8080")
DEAD = Check(name="process www", passed=False, text="ended with status 3, is started again")


@pytest.mark.parametrize(
    ("fields", "answers"),
    [
        ({}, (200, 200, 200)),
        ({"ready": (FAILED,), "was_ready": False}, (200, 503, 503)),
        ({"ready": (FAILED,)}, (200, 503, 200)),
        ({"live": (DEAD,), "ready": (DEAD, FAILED)}, (503, 503, 200)),
    ],
)
def test_H1_probes_answer_as_the_checks_are(fields: dict[str, object], answers: tuple[int, ...]) -> None:
    knowledge = _knowledge(_changed(SERVICE, **fields))
    assert tuple(_get(path, knowledge).status for path in routes.PROBES) == answers


def test_H1_probe_says_what_fails() -> None:
    knowledge = _knowledge(_changed(SERVICE, ready=(SERVICE.ready[0], FAILED), was_ready=False))
    assert _get("/livez", knowledge).body == "ok\n"
    assert _get("/readyz", knowledge).body == "not ok: ready: does not accept on port 8080\n"
    assert _get("/startupz", knowledge).body == "not ok: ready: does not accept on port 8080\n"
    assert _get("/livez", knowledge).kind == "text/plain; charset=utf-8"


def test_H1_probe_has_a_line_a_check_when_it_is_verbose() -> None:
    knowledge = _knowledge(_changed(SERVICE, ready=(SERVICE.ready[0], FAILED), was_ready=False))
    for query in ("verbose", "verbose=1", "a&verbose"):
        assert _get(f"/readyz?{query}", knowledge).body == (
            "[+]process nginx: runs\n[-]ready: does not accept on port 8080\nreadyz check failed\n"
        )
    assert _get("/livez?verbose", knowledge).body == "[+]process www: runs\nlivez check passed\n"
    assert _get("/startupz?verbose", knowledge).body.startswith("[-]started: has not been ready yet\n[+]process nginx")
    assert _get("/startupz?verbose").body == "[+]started: has been ready\nstartupz check passed\n"
    assert _get("/readyz?quiet", knowledge).body.startswith("not ok")


def test_H1_readiness_is_over_when_it_is_asked_to_stop() -> None:
    knowledge = _knowledge(service_status(NOW, NOW, stopping=True))
    assert _get("/readyz", knowledge).status == 503
    assert _get("/readyz", knowledge).body == "not ok: stopping: the container is stopping\n"
    assert _get("/livez", knowledge).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "BREW"])
@pytest.mark.parametrize("target", ["/", "/livez", "/nowhere", "/status.json?stop"])
def test_H4_nothing_but_get_and_head_is_allowed(method: str, target: str) -> None:
    answer = _get(target, _knowledge(token=b"s3same"), method=method, authorization=BEARER)
    assert answer.status == 405
    assert ("Allow", "GET, HEAD") in answer.fields


@pytest.mark.parametrize(
    "target",
    ["/x", "//", "/livez/", "/../etc/passwd", "/%2e%2e/etc/passwd", "/LIVEZ", "*", "", "/livez%00", "/static/x.css"],
)
def test_H4_there_is_nothing_else(target: str) -> None:
    assert _get(target).status == 404


@pytest.mark.parametrize("target", PUBLIC)
@pytest.mark.parametrize("status", [SERVICE, cron_status(NOW, NOW)], ids=["service", "cron"])
@pytest.mark.parametrize("token", [None, b"s3same"])
def test_H4_public_part_has_no_commands_and_no_log(target: str, status: Status, token: bytes | None) -> None:
    answer = _get(target, _knowledge(status, token))
    assert answer.status == 200
    assert "hunter2" not in answer.body
    assert "gunicorn" not in answer.body
    assert "\N{SNOWMAN}" not in answer.body


@pytest.mark.parametrize("authorization", [BEARER, BASIC])
@pytest.mark.parametrize("target", ["/", "/status.json", "/?token"])
def test_H4_token_opens_commands_and_log(target: str, authorization: str) -> None:
    answer = _get(target, _knowledge(token=b"s3same"), authorization=authorization)
    assert answer.status == 200
    assert SECRET_ARGUMENT in answer.body
    assert "line 2" in answer.body
    assert "s3same" not in answer.body


@pytest.mark.parametrize("target", ["/", "/status.json", "/metrics", "/log", "/?token"])
@pytest.mark.parametrize("authorization", ["Bearer wrong", "Basic wrong", "nonsense", BEARER + "x"])
def test_H4_wrong_token_is_refused(target: str, authorization: str) -> None:
    answer = _get(target, _knowledge(token=b"s3same"), authorization=authorization)
    assert answer.status == 401
    assert ("WWW-Authenticate", 'Basic realm="polls-site"') in answer.fields
    assert ("WWW-Authenticate", 'Bearer realm="polls-site"') in answer.fields
    assert "s3same" not in answer.body


def test_H4_browser_is_asked_for_the_token_where_it_is_needed() -> None:
    knowledge = _knowledge(token=b"s3same")
    assert _get("/log", knowledge).status == 401
    assert _get("/?token", knowledge).status == 401
    assert 'href="?token"' in _get("/", knowledge).body
    assert 'href="?token"' not in _get("/", knowledge, authorization=BASIC).body
    assert 'href="?token"' not in _get("/").body


@pytest.mark.parametrize("target", routes.PROBES)
def test_H1_probes_answer_whatever_the_credentials(target: str) -> None:
    assert _get(target, _knowledge(token=b"s3same"), authorization="Bearer wrong").status == 200


@pytest.mark.parametrize("target", PUBLIC)
def test_H4_credentials_mean_nothing_when_there_is_no_token(target: str) -> None:
    answer = _get(target, authorization="Bearer anything")
    assert answer.status == 200
    assert "hunter2" not in answer.body


def test_H4_realm_is_plain_whatever_the_application_is_called() -> None:
    knowledge = _knowledge(_changed(SERVICE, application='a"\r\nX: é'), b"s3same")
    assert ("WWW-Authenticate", 'Basic realm="aX"') in _get("/log", knowledge).fields


def test_H4_log_is_that_of_the_one_who_is_named() -> None:
    asked: list[str | None] = []

    def kept(name: str | None) -> Sequence[str]:
        asked.append(name)
        return [f"of {name}"]

    knowledge = StatusSources(
        status=lambda: SERVICE, probed=lambda: SERVICE, usage=lambda _: usage(NOW), tail=kept, token=b"s3same"
    )
    for query, name in [
        ("of=www", "www"),
        ("of=www%20access", "www access"),
        ("of=a+b%zz%", "a b%zz%"),
        ("of=grocker", None),
    ]:
        assert _get(f"/log?{query}", knowledge, authorization=BEARER).body == f"of {name}\n"
        assert asked.pop() == name
    whole = _get("/log", knowledge, authorization=BEARER).body
    assert whole.startswith("==> grocker <==\nof None\n\n==> www <==\nof www\n\n==> www access <==\n")


def test_H4_log_is_not_there_without_a_token() -> None:
    answer = _get("/log")
    assert answer.status == 404
    assert "GROCKER_STATUS_TOKEN_FILE" in answer.body


def test_probes_read_nothing_of_the_system_and_of_the_jobs() -> None:
    def never(*_: object) -> Any:
        raise AssertionError

    knowledge = StatusSources(status=never, probed=lambda: SERVICE, usage=never, tail=never)
    for path in routes.PROBES:
        assert _get(path, knowledge).status == 200


def test_H2_application_s_part_stands_at_the_end_of_metrics() -> None:
    answer = respond(RequestHead(method="GET", path="/metrics"), _knowledge(), (b"# TYPE a gauge\na 1\n",))
    assert answer.more == (b"# TYPE a gauge\na 1\n",)
    assert answer.body.endswith("\n")
    assert answer.kind == "text/plain; version=0.0.4; charset=utf-8"
