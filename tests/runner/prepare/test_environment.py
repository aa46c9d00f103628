from __future__ import annotations

from grocker.plan import image
from grocker.runner.contract import names
from grocker.runner.contract.names import ContainerLayout
from grocker.runner.contract.spec import Service, Spec
from grocker.runner.prepare import environment

_SPEC = Spec(
    name="polls-site",
    version="1.0",
    extras=("redis", "s3"),
    namespace="POLLS_SITE",
    grocker="1",
    services={"www": Service(wsgi="a:b", env={"WORKERS": "service", "SHARED": "service"})},
    django_settings_module="polls.settings",
    variables={"SHARED": "build", "BUILD": "build"},
)
_IMAGE = {"PATH": names.PATH, "LANG": "C.UTF-8", "PYTHONUTF8": "1", "SHARED": "build", "BUILD": "build"} | {
    "PYTHONUNBUFFERED": "1"
}


def _compose(given: dict[str, str], service: str | None = None) -> environment.Environment:
    return environment.compose(_SPEC, {**_IMAGE, **given}, ContainerLayout(), user="blue", extra={}, service=service)


def test_environment_of_a_command_is_the_applications() -> None:
    assert dict(_compose({}).variables) == {
        **_IMAGE,
        "VIRTUAL_ENV": "/opt/venv",
        "POLLS_SITE_CONFIG": "/tmp/.grocker/config/*.ini",
        "GROCKER_CONFIG_FILE": "/tmp/.grocker/merged.ini",
        "DJANGO_SETTINGS_MODULE": "polls.settings",
        "HOME": "/home/blue",
        "USER": "blue",
        "LOGNAME": "blue",
        "PORT": "8080",
        "GROCKER_APP": "polls-site",
        "GROCKER_APP_VERSION": "1.0",
        "GROCKER_APP_EXTRAS": "redis,s3",
        "GROCKER_CONTRACT": "1",
        "GROCKER_RUNTIME_DIR": "/tmp/.grocker",
    }


def test_environment_leaves_the_variable_of_getconf_to_an_application_without_it() -> None:
    spec = Spec(name="radicale", version="1", namespace="RADICALE", grocker="1", uses_getconf=False)
    for given in ({}, {"RADICALE_CONFIG": ""}, {"RADICALE_CONFIG": "/config/own"}):
        found = environment.compose(spec, given, ContainerLayout(), user="blue", extra={}, service=None).variables
        assert found.get("RADICALE_CONFIG") == given.get("RADICALE_CONFIG")
        assert found["GROCKER_CONFIG_FILE"]


def test_environment_of_a_service_has_its_name_and_its_own_variables() -> None:
    found = _compose({}, "www").variables
    assert found["GROCKER_SERVICE"] == found["POLLS_SITE_SERVICE"] == "www"
    assert found["WORKERS"] == found["SHARED"] == "service"
    assert found["BUILD"] == "build"


def test_environment_given_beats_build_and_service() -> None:
    found = _compose({"SHARED": "given", "WORKERS": "given", "BUILD": "", "LANG": "fr_FR.UTF-8"}, "www").variables
    assert [found[name] for name in ("SHARED", "WORKERS", "BUILD", "LANG")] == ["given", "given", "", "fr_FR.UTF-8"]


def test_environment_of_the_runner_is_not_the_operators() -> None:
    made = _compose({"PORT": "1", "USER": "blue", "HOME": "/root", "GROCKER_SERVICE": "x", "GROCKER_APP_VERSION": "2"})
    assert made.refused == ("GROCKER_APP_VERSION", "GROCKER_SERVICE", "PORT")
    assert made.variables["PORT"] == "8080"
    assert made.variables["HOME"] == "/home/blue"
    assert "GROCKER_SERVICE" not in made.variables


def test_environment_variable_is_not_refused_when_its_value_is_the_runners() -> None:
    assert _compose({"PORT": "8080", "GROCKER_SERVICE": "www"}, "www").refused == ()


def test_environment_never_has_an_empty_glob() -> None:
    """getconf would read every file of the current directory."""
    assert _compose({"POLLS_SITE_CONFIG": ""}).variables["POLLS_SITE_CONFIG"] == "/tmp/.grocker/config/*.ini"
    assert _compose({"POLLS_SITE_CONFIG": "/x/*.ini"}).variables["POLLS_SITE_CONFIG"] == "/x/*.ini"


def test_environment_is_resumed_with_what_is_given_now() -> None:
    prepared = {"A": "1", "PORT": "8080", "LD_PRELOAD": "x"}
    given = {"A": "0", "HOME": "/"}
    now = {"A": "0", "HOME": "/root", "PORT": "1", "TERM": "xterm", "GROCKER_SERVICE": "x"}
    assert environment.resume(_SPEC, prepared, given, now) == {**prepared, "TERM": "xterm"}
    assert environment.resume(_SPEC, prepared, given, {**now, "A": "2"})["A"] == "2"


def test_environment_is_the_one_that_the_image_declares() -> None:
    declared = image.environment(_SPEC)
    composed = environment.compose(_SPEC, declared, ContainerLayout(), user="blue", extra={}).variables
    assert {name: composed[name] for name in declared} == declared
    assert declared["LANG"] == names.LANG
    assert declared["VIRTUAL_ENV"] == ContainerLayout().venv


def test_output_is_unbuffered_unless_operator_or_build_say_otherwise() -> None:
    """What a killed job has printed would be lost, and what a quiet service prints would appear minutes later."""
    assert image.environment(_SPEC)["PYTHONUNBUFFERED"] == "1"
    assert _compose({}).variables["PYTHONUNBUFFERED"] == "1"
    assert environment.compose(_SPEC, {}, ContainerLayout(), user="blue", extra={}).variables["PYTHONUNBUFFERED"] == "1"
    for text in ("", "0"):
        assert _compose({"PYTHONUNBUFFERED": text}).variables["PYTHONUNBUFFERED"] == text
    build = Spec(name="a", version="1", namespace="A", grocker="1", variables={"PYTHONUNBUFFERED": ""})
    assert image.environment(build)["PYTHONUNBUFFERED"] == ""
    service = Spec(
        name="a",
        version="1",
        namespace="A",
        grocker="1",
        services={"www": Service(wsgi="a:b", env={"PYTHONUNBUFFERED": ""})},
    )
    given = image.environment(service)
    composed = environment.compose(service, given, ContainerLayout(), user="blue", extra={}, service="www")
    assert composed.variables["PYTHONUNBUFFERED"] == ""
