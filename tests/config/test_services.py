"""The first of settings, Procfile and detection that has services wins whole."""

from __future__ import annotations

import pytest

from grocker.config.services import DetectedApplication, find_services
from grocker.config.settings import ServiceSettings, Settings
from grocker.errors import SettingsError

DECLARED = Settings(
    services={"ws": ServiceSettings(command="ws"), "api": ServiceSettings(wsgi="a:b", env={"B": "2", "A": "1"})}
)


def test_services_are_the_declared_ones_when_there_are_any() -> None:
    found = find_services(DECLARED, "web: x", DetectedApplication(target="a:b"))
    assert list(found.table) == ["api", "ws"]
    assert list(found.table["api"].env.items()) == [("A", "1"), ("B", "2")]
    assert not found.any_service
    assert found.servers == ("gunicorn",)
    assert found.source == "[tool.grocker.services]"


def test_services_are_those_of_the_procfile_when_none_is_declared() -> None:
    text = "# comment\n\nrelease: migrate\nworker : python -m work  \nweb: gunicorn x: y\n"
    found = find_services(Settings(), text, DetectedApplication(target="a:b"))
    assert {name: s.command for name, s in found.table.items()} == {
        "web": "gunicorn x: y",
        "worker": "python -m work",
        "www": "gunicorn x: y",
    }
    assert found.servers == ("gunicorn",), "platforms that read Procfiles bring it"
    assert found.source == "Procfile"
    assert found.release == "migrate"


def test_application_is_served_when_a_process_starts_the_platforms_nginx() -> None:
    text = "web: bin/start-nginx gunicorn -c gunicorn.conf a\nworker: celery\n"
    found = find_services(Settings(), text, DetectedApplication(target="a:b"))
    assert {name: (s.wsgi, s.command) for name, s in found.table.items()} == {
        "web": ("a:b", None),
        "worker": (None, "celery"),
        "www": ("a:b", None),
    }
    assert (found.source, found.any_service) == ("Procfile, and found a:b", False)
    alone = find_services(Settings(), text, DetectedApplication())
    assert alone.table["www"].command == "bin/start-nginx gunicorn -c gunicorn.conf a"


@pytest.mark.parametrize(
    ("command", "servers"),
    [
        ("gunicorn a:b", ("gunicorn",)),
        ("PORT=1 exec uvicorn a:b", ("uvicorn",)),
        ("gunicorn -k uvicorn.workers.UvicornWorker a:b", ("gunicorn", "uvicorn")),
        ("env A=1 gunicorn a:b", ("gunicorn",)),
        ("python gunicorn.py", ()),
    ],
)
def test_servers_that_a_command_starts_are_brought(command: str, servers: tuple[str, ...]) -> None:
    assert find_services(Settings(), f"web: {command}", DetectedApplication()).servers == servers


def test_release_is_told_when_the_settings_declare_the_services() -> None:
    found = find_services(DECLARED, "release: ./manage.py migrate\n", DetectedApplication())
    assert (list(found.table), found.release) == (["api", "ws"], "./manage.py migrate")


def test_services_are_found_when_a_django_project_declares_none() -> None:
    found = find_services(
        Settings(), "# nothing\nrelease: migrate\n", DetectedApplication(django=True, target="mysite.wsgi:application")
    )
    assert {name: s.wsgi for name, s in found.table.items()} == {"www": "mysite.wsgi:application"}
    assert found.any_service


def test_there_are_no_services_when_nothing_says_so() -> None:
    found = find_services(Settings(), None, DetectedApplication())
    assert (dict(found.table), found.source, found.servers) == ({}, "none", ())


@pytest.mark.parametrize("line", ["worker x", "worker:", "worker:  \t"])
def test_procfile_is_refused_with_its_line_when_it_is_malformed(line: str) -> None:
    with pytest.raises(SettingsError, match="Procfile:2: expected NAME: COMMAND"):
        find_services(Settings(), f"web: x\n{line}\n", DetectedApplication())


def test_procfile_is_refused_when_a_name_comes_twice() -> None:
    with pytest.raises(SettingsError, match="Procfile:3: duplicate process type web"):
        find_services(Settings(), "web: x\nworker: x\nweb: y\n", DetectedApplication())


def test_services_are_the_wheels_own_when_only_its_entry_points_declare_any() -> None:
    declared = {"ws": {"asgi": "shop.asgi:application", "workers": 2}, "www": {"wsgi": "shop.wsgi:application"}}
    found = find_services(Settings(), "web: x", DetectedApplication(declared, target="a:b"))
    assert {name: (one.wsgi, one.asgi, one.server) for name, one in found.table.items()} == {
        "ws": (None, "shop.asgi:application", "uvicorn"),
        "www": ("shop.wsgi:application", None, "gunicorn"),
    }
    assert found.servers == ("gunicorn", "uvicorn")


@pytest.mark.parametrize(
    "table",
    [
        {"wsgi": 1},
        {},
        {"wsgi": "a:b", "asgi": "a:b"},
        {"asgi": "a:b", "server": "gunicorn"},
        {"command": "a", "media": True},
        3,
    ],
)
def test_services_are_refused_when_an_entry_points_table_is_none(table: object) -> None:
    with pytest.raises(SettingsError, match=r"entry point in grocker\.services: www"):
        find_services(Settings(), None, DetectedApplication({"www": table}))


def test_services_have_an_asgi_application_when_one_is_found() -> None:
    found = find_services(Settings(), None, DetectedApplication(kind="asgi", target="api.main:app"))
    assert (found.table["www"].asgi, found.any_service, found.servers) == ("api.main:app", False, ("uvicorn",))


def test_services_carry_what_runs_beside_and_in_front_of_them() -> None:
    www = ServiceSettings(
        wsgi="a:b",
        server="granian",
        ready="notify",
        processes={"worker": ("work", "-v"), "beat": "beat"},
        static=("mysite/static",),
        media=True,
        metrics="/metrics",
        memory=300,
    )
    found = find_services(
        Settings(services={"www": www, "api": ServiceSettings(asgi="a:b", static=True)}), None, DetectedApplication()
    )
    one = found.table["www"]
    assert (one.server, one.ready, one.media, one.metrics, one.memory) == ("granian", "notify", True, "/metrics", 300)
    assert list(one.processes.items()) == [("beat", "beat"), ("worker", ("work", "-v"))]
    assert one.static == ()  # where the packages are, the build knows
    assert dict(found.static) == {"www": ("mysite/static",), "api": True}
    assert found.servers == ("granian", "uvicorn")


def test_services_are_refused_when_a_process_has_the_services_name() -> None:
    declared = {"www": {"wsgi": "a:b", "processes": {"www": "x"}}}
    with pytest.raises(SettingsError, match=r"services\.www\.processes: www is the name of the service itself"):
        find_services(Settings(), None, DetectedApplication(declared))


@pytest.mark.parametrize(
    ("service", "packages"),
    [
        (ServiceSettings(wsgi="a:b"), ()),
        (ServiceSettings(wsgi="a:b", media=True), ("nginx",)),
        (ServiceSettings(asgi="a:b", static=True), ("nginx",)),
        (ServiceSettings(wsgi="a:b", static=("a/static",)), ("nginx",)),
    ],
)
def test_services_need_nginx_when_they_show_files(service: ServiceSettings, packages: tuple[str, ...]) -> None:
    assert find_services(Settings(services={"www": service}), None, DetectedApplication()).packages == packages
    assert find_services(Settings(), "web: x", DetectedApplication()).packages == ()


def test_table_without_a_program_adds_to_the_service_that_is_found() -> None:
    settings = Settings(services={"www": ServiceSettings(static=True, workers=2)})
    found = find_services(
        settings, None, DetectedApplication(target="app:app", commands={"worker": ("celery", "worker")})
    )
    assert (found.table["www"].wsgi, found.table["www"].workers) == ("app:app", 2)
    assert found.table["worker"].command == ("celery", "worker")
    assert found.static == {"www": True}


def test_table_without_a_program_is_refused_when_no_such_service_is_found() -> None:
    settings = Settings(services={"ops": ServiceSettings(workers=2)})
    with pytest.raises(SettingsError, match=r"services\.ops has no program") as caught:
        find_services(settings, None, DetectedApplication(target="app:app"))
    assert "detected services: www" in (caught.value.hint or "")


def test_tables_win_whole_when_each_names_a_program() -> None:
    settings = Settings(services={"ops": ServiceSettings(command="work")})
    assert list(find_services(settings, None, DetectedApplication(target="app:app")).table) == ["ops"]


@pytest.mark.parametrize(
    "service",
    [
        ServiceSettings(wsgi="a:b"),
        ServiceSettings(asgi="a:b"),
        ServiceSettings(command="gunicorn a:b"),
        ServiceSettings(command=("python", "-m", "uvicorn", "a:b")),
        ServiceSettings(command="python serve.py --port $PORT"),
        ServiceSettings(command=("daphne", "--port", "8080", "a:b", "c")),
        ServiceSettings(command="serve", ready="/health"),
        ServiceSettings(command="serve", metrics="/metrics"),
    ],
)
def test_service_is_known_to_serve_http(service: ServiceSettings) -> None:
    settings = Settings(services={"api": service, "www": ServiceSettings(command="serve")})
    assert find_services(settings, None, DetectedApplication()).web == ("api", "www")


@pytest.mark.parametrize(
    "service",
    [
        ServiceSettings(command=("celery", "--app", "a:b", "worker")),
        ServiceSettings(command="python bot.py --broker $REDIS_PORT 18080"),
        ServiceSettings(command="serve", ready="notify"),
    ],
)
def test_service_is_not_known_to_serve_http(service: ServiceSettings) -> None:
    settings = Settings(services={"worker": service})
    assert find_services(settings, None, DetectedApplication()).web == ()
