from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.runner.contract import codec
from grocker.runner.contract.codec import decode, encode
from grocker.runner.contract.spec import (
    ADDED,
    STOP_SIGNALS,
    ContainerUser,
    RestartLimit,
    Service,
    Spec,
    SpecError,
    default_namespace,
)

_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
_VARIABLES = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), _WORDS | st.just(""), max_size=3
)
_SERVICES = (
    st.builds(
        Service,
        env=_VARIABLES,
        workers=st.none() | st.integers(1, 64),
        stop_signal=st.sampled_from(STOP_SIGNALS),
        ready=st.none() | st.sampled_from(["/healthz", "notify"]),
        restart=st.builds(RestartLimit, times=st.integers(0, 99), seconds=st.integers(1, 9999)),
        command=_WORDS | st.lists(_WORDS, min_size=1, max_size=3).map(tuple),
    )
    | st.builds(
        Service,
        wsgi=st.just("package.module:application"),
        server=st.sampled_from(["gunicorn", "granian"]),
        env=_VARIABLES,
        processes=st.dictionaries(
            st.from_regex(r"worker-[a-z]{1,3}", fullmatch=True),
            _WORDS | st.lists(_WORDS, min_size=1, max_size=3).map(tuple),
            max_size=3,
        ),
        static=st.lists(st.from_regex(r"/[a-z]{1,3}(/[a-z_-]{1,3}){0,2}", fullmatch=True), max_size=2).map(tuple),
        media=st.booleans(),
        metrics=st.none() | st.just("/metrics?all"),
        memory=st.none() | st.integers(1, 9999),
        directory=st.none() | _WORDS.map("/".__add__),
    )
    | st.builds(Service, asgi=st.just("package.module:application"), server=st.just("uvicorn"), env=_VARIABLES)
)
_SPECS = st.builds(
    Spec,
    name=_WORDS,
    version=_WORDS,
    extras=st.lists(_WORDS, max_size=3).map(tuple),
    namespace=st.from_regex(r"[A-Z0-9_]+", fullmatch=True),
    grocker=_WORDS,
    contract=st.integers(1, 9),
    user=st.builds(
        ContainerUser, name=_WORDS, uid=st.integers(1, 2**32 - 2), gid=st.integers(0, 9), home=_WORDS.map("/".__add__)
    ),
    services=st.dictionaries(st.from_regex(r"[a-z][a-z0-9_.-]*", fullmatch=True), _SERVICES, max_size=3),
    django_settings_module=st.none() | _WORDS,
    variables=_VARIABLES,
    crontab=st.none() | _WORDS.map("/".__add__),
    installed=st.from_regex(r"[0-9a-f]{0,16}", fullmatch=True),
    directory=st.none() | _WORDS.map("/".__add__),
    writable=st.lists(st.from_regex(r"[a-z]{1,3}(/[a-z.]{1,3}[a-z])?/?", fullmatch=True), max_size=2).map(tuple),
    uses_getconf=st.booleans(),
)

_SPEC = Spec(
    name="polls",
    version="1.0",
    namespace="POLLS",
    grocker="1",
    services={"www": Service(wsgi="polls.wsgi:application"), "beat": Service(command=("beat", "-v"))},
    any_service=True,
)


@pytest.mark.slow
@given(_SPECS)
def test_spec_reads_back_the_same(spec: Spec) -> None:
    assert decode(encode(spec)) == spec


@pytest.mark.parametrize("kind", [Spec, Service, ContainerUser, RestartLimit])
def test_codec_can_read_every_field_when_its_annotation_is_known(kind: type) -> None:
    assert {annotation.removesuffix(" | None") for annotation in kind.__annotations__.values()} <= {*codec._READERS}


@pytest.mark.parametrize("field", sorted(ADDED))
def test_field_that_earlier_images_lack_is_left_out_when_it_has_its_default(field: str) -> None:
    spec = Spec(name="a", version="1", namespace="A", grocker="9", services={"www": Service(command=("serve",))})
    assert f'"{field}"'.encode() not in encode(spec)
    assert decode(encode(spec)) == spec


def test_spec_has_one_encoding() -> None:
    forwards = Spec(name="x", version="1", namespace="X", grocker="1", variables={"A": "1", "B": "ä"})
    backwards = Spec(name="x", version="1", namespace="X", grocker="1", variables={"B": "ä", "A": "1"})
    assert encode(forwards) == encode(backwards)
    assert encode(forwards) == (
        b'{"any_service":false,"contract":1,"crontab":null,"django_settings_module":null,"extras":[],"grocker":"1",'
        b'"installed":"",'
        b'"name":"x","namespace":"X","schema":1,"services":{},"user":{"gid":0,"home":"/home/blue","name":"blue","uid":1000},'
        b'"variables":{"A":"1","B":"\\u00e4"},"version":"1"}\n'
    )


def _changed(change: dict[str, Any]) -> bytes:
    document = json.loads(encode(_SPEC))
    for path, value in change.items():
        *above, last = path.split(".")
        table = document
        for key in above:
            table = table[key]
        if value is ...:
            del table[last]
        else:
            table[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema"),
        ({"name": ...}, "name is missing"),
        ({"name": 1}, "name: expected str"),
        ({"contract": True}, "contract: expected int"),
        ({"new": 1}, "unknown key new"),
        ({"user.uid": "1000"}, "user: uid"),
        ({"user.home": "home"}, "must be an absolute path"),
        ({"user.shell": "x"}, "user: unknown key shell"),
        ({"namespace": "polls"}, "namespace"),
        ({"namespace": ""}, "namespace"),
        ({"extras": [1]}, "extras"),
        ({"crontab": "crontab"}, "crontab must be an absolute path"),
        ({"crontab": ...}, "crontab is missing"),
        ({"installed": 'a"b'}, "installed"),
        ({"installed": ...}, "installed is missing"),
        ({"variables": {"A=B": ""}}, "variables.A=B"),
        ({"variables": {"A": 1}}, "variables.A"),
        ({"services.www.command": "x"}, "one of command, wsgi and asgi"),
        ({"services.www.wsgi": None}, "one of command, wsgi and asgi"),
        ({"services.www.wsgi": "polls"}, "module:attribute"),
        ({"services.www.server": "other"}, "server"),
        ({"services.www.workers": 0}, "workers"),
        ({"services.www.stop_signal": "KILL"}, "stop_signal"),
        ({"services.www.restart.times": -1}, "restart"),
        ({"services.www.threads": 1}, "unknown key threads"),
        ({"services.www.server": "uvicorn"}, "server"),
        ({"services.www.ready": "healthz"}, "ready"),
        ({"services.www.ready": "/a b"}, "ready"),
        ({"services.www.metrics": "notify"}, "metrics"),
        ({"services.www.metrics": "/\r\n"}, "metrics"),
        ({"services.www.memory": 0}, "memory"),
        ({"services.www.media": 1}, "media: expected bool"),
        ({"services.www.media": ...}, "media is missing"),
        ({"services.www.static": "/a"}, "static: expected list"),
        ({"services.www.static": ["a"]}, "static: expected an absolute path"),
        ({"services.www.static": ["/a/../b"]}, "static"),
        ({"services.www.static": ["/a;b"]}, "static"),
        ({"services.www.static": ["/a$b"]}, "static"),
        ({"services.www.static": ["/a\nb"]}, "static"),
        ({"services.www.processes": []}, "processes: expected an object"),
        ({"services.www.processes": {"w": ""}}, "processes.w: empty"),
        ({"services.www.processes": {"w": None}}, "processes: w: expected str"),
        ({"services.www.processes": {"w": [1]}}, "processes: w: expected a list of strings"),
        ({"services.www.processes": {"w": 1}}, "processes: w: expected str"),
        ({"services.www.processes": {"a/b": "x"}}, "processes: 'a/b'"),
        ({"services.www.processes": {"www": "x"}}, "is already taken"),
        ({"services.www.processes": {"nginx": "x"}}, "is already taken"),
        ({"services.beat.media": True}, "not a command"),
        ({"services.beat.command": []}, "empty"),
        ({"services.www": ...}, "any_service needs a service www"),
        ({"services.-x": {}}, "services.-x"),
        ({"services.www.directory": "jobs"}, "directory: must be an absolute path"),
        ({"writable": ["/media"]}, "writable must be paths below the application"),
        ({"writable": ["a/../../b"]}, "writable must be paths below the application"),
        ({"writable": "data"}, "writable: expected list"),
    ],
)
def test_spec_is_refused_when_it_is_not_of_the_schema(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        decode(_changed(change))


@pytest.mark.parametrize(
    ("fields", "front"), [({}, False), ({"static": ("/a",)}, True), ({"media": True}, True), ({"metrics": "/m"}, False)]
)
def test_service_has_a_front_when_files_are_shown(fields: dict[str, Any], front: bool) -> None:
    assert Service(wsgi="a:b", **fields).front is front


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"NaN", b"{} {}", b"\xff", b'{"a":', b'{"a":1e9}x', b"\0"])
def test_spec_is_refused_when_it_is_no_json(data: bytes) -> None:
    with pytest.raises(SpecError):
        decode(data)


def test_spec_is_refused_when_it_is_encoded_wrong() -> None:
    with pytest.raises(SpecError):
        encode(Spec(name="x", version="1", namespace="X", grocker="1", services={"a": Service()}))


@pytest.mark.parametrize(
    ("name", "namespace"), [("polls-site", "POLLS_SITE"), ("Zope.Interface2", "ZOPE_INTERFACE2"), ("café", "CAF_")]
)
def test_spec_default_namespace_is_upper_case(name: str, namespace: str) -> None:
    assert default_namespace(name) == namespace


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("command", ["run", "\ud800"]),
        ("command", "echo \udfff"),
        ("command", ["a\0b"]),
        ("env", {"A": "\udce9"}),
        ("env", {"\udbff": "1"}),
        ("processes", {"beat\ud83d": ["beat"]}),
        ("processes", {"beat": ["beat", "\0"]}),
    ],
)
def test_text_that_no_process_can_have_is_refused(key: str, value: object) -> None:
    """The builder refuses it too, since it reads what it writes."""
    document = json.loads(encode(_SPEC))
    document["services"]["beat"][key] = value
    with pytest.raises(SpecError, match="expected text without NUL and lone surrogates"):
        decode(json.dumps(document).encode())


def test_text_beyond_ascii_is_accepted() -> None:
    spec = Spec(
        name="a", version="1", namespace="A", grocker="1", services={"www": Service(command=("é", "\U0001f600"))}
    )
    assert decode(encode(spec)) == spec
