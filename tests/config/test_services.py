"""The first of settings, Procfile and detection that has services wins whole."""

from __future__ import annotations

import pytest

from grocker.config.services import services
from grocker.config.settings import Service, Settings
from grocker.errors import SettingsError

DECLARED = Settings(services={"ws": Service(command="ws"), "api": Service(wsgi="a:b", env={"B": "2", "A": "1"})})


def test_services_are_the_declared_ones_when_there_are_any() -> None:
    found = services(DECLARED, "web: x", "a:b")
    assert list(found.table) == ["api", "ws"]
    assert list(found.table["api"].env.items()) == [("A", "1"), ("B", "2")]
    assert not found.any_service
    assert found.servers == ("gunicorn",)
    assert found.source == "[tool.grocker.services]"


def test_services_are_those_of_the_procfile_when_none_is_declared() -> None:
    text = "# comment\n\nrelease: migrate\nworker : python -m work  \nweb: gunicorn x: y\n"
    found = services(Settings(), text, "a:b")
    assert {name: s.command for name, s in found.table.items()} == {
        "web": "gunicorn x: y",
        "worker": "python -m work",
        "www": "gunicorn x: y",
    }
    assert found.servers == ()
    assert found.source == "Procfile"


def test_services_are_found_when_a_django_project_declares_none() -> None:
    found = services(Settings(), "# nothing\nrelease: migrate\n", "mysite.wsgi:application")
    assert {name: s.wsgi for name, s in found.table.items()} == {"www": "mysite.wsgi:application"}
    assert found.any_service


def test_there_are_no_services_when_nothing_says_so() -> None:
    found = services(Settings(), None, None)
    assert (dict(found.table), found.source, found.servers) == ({}, "none", ())


def test_procfile_is_refused_with_its_line_when_it_is_malformed() -> None:
    with pytest.raises(SettingsError, match="Procfile:2: not NAME: COMMAND"):
        services(Settings(), "web: x\nworker x\n", None)
