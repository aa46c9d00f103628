from __future__ import annotations

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.contract.services import find_service, list_services, parse_stop_timeout
from grocker.runner.contract.spec import Service, Spec

_WWW = Service(wsgi="a:b")
_OPS = Service(command="ops")
_SPEC = Spec(name="x", version="1", namespace="X", grocker="1", services={"www": _WWW, "ops": _OPS})
_ANY = Spec(name="x", version="1", namespace="X", grocker="1", services={"www": _WWW}, any_service=True)
_NONE = Spec(name="x", version="1", namespace="X", grocker="1")


def test_services_finds_the_service_of_that_name() -> None:
    assert find_service(_SPEC, ("ops",)) == ("ops", _OPS)
    assert find_service(_ANY, ("anything",)) == ("anything", _WWW)


@pytest.mark.parametrize("arguments", [(), ("",), ("nope",), ("www", "ops")])
@pytest.mark.parametrize(
    ("spec", "names"), [(_SPEC, "ops, www"), (_NONE, "this image has no services, it runs commands (see --help)")]
)
def test_services_refuses_and_lists_them(spec: Spec, names: str, arguments: tuple[str, ...]) -> None:
    with pytest.raises(Failure) as caught:
        find_service(spec, arguments)
    assert caught.value.status == 64
    assert caught.value.message.endswith(names)


def test_services_lists_them_for_people() -> None:
    assert list_services(_ANY) == "www; any other name starts www"


@pytest.mark.parametrize(("text", "seconds"), [(None, 8.0), ("", 8.0), ("0", 0.0), ("2.5", 2.5), ("60", 60.0)])
def test_services_stop_timeout_is_in_seconds(text: str | None, seconds: float) -> None:
    assert parse_stop_timeout(text) == seconds


@pytest.mark.parametrize("text", ["-1", "soon", "nan", "inf", "8s", "1e300"])
def test_services_stop_timeout_is_refused_when_it_is_no_time(text: str) -> None:
    with pytest.raises(Failure) as caught:
        parse_stop_timeout(text)
    assert caught.value.status == 78
