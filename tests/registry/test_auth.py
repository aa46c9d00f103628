from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.oci.reference import parse
from grocker.registry import Credentials, find_credentials

REFERENCE = parse("registry.example.invalid:5000/team/app/polls:1")


def entry(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def write(place: Path, document: object) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(document))
    return place


def test_credentials_say_that_there_are_none_when_no_file_exists(tmp_path: Path) -> None:
    found = find_credentials({"HOME": str(tmp_path)}, REFERENCE, uid=1)
    assert found.authorization is None
    assert found.source == "no credentials (neither docker's config.json nor podman's auth.json exists)"


@pytest.mark.parametrize(
    "key",
    [
        "registry.example.invalid:5000",
        "https://registry.example.invalid:5000",
        "https://registry.example.invalid:5000/v2/",
    ],
)
def test_credentials_come_from_docker_when_it_has_the_host(tmp_path: Path, key: str) -> None:
    place = write(tmp_path / ".docker" / "config.json", {"auths": {key: entry("bob", "s:ecret")}})
    found = find_credentials({"HOME": str(tmp_path)}, REFERENCE, uid=1)
    assert found.authorization == header("bob", "s:ecret")
    assert found.source == f"the credentials of bob in {place}"
    assert "ecret" not in repr(found)


def test_credentials_come_from_docker_config_when_it_is_set(tmp_path: Path) -> None:
    write(tmp_path / ".docker" / "config.json", {"auths": {REFERENCE.registry: entry("home", "x")}})
    write(tmp_path / "other" / "config.json", {"auths": {REFERENCE.registry: entry("other", "x")}})
    found = find_credentials({"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "other")}, REFERENCE, uid=1)
    assert found.authorization == header("other", "x")


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("REGISTRY_AUTH_FILE", "auth.json"),
        ("XDG_RUNTIME_DIR", "containers/auth.json"),
        ("XDG_CONFIG_HOME", "containers/auth.json"),
    ],
)
def test_credentials_come_from_podman_when_its_file_has_them(tmp_path: Path, variable: str, place: str) -> None:
    write(tmp_path / ".docker" / "config.json", {"auths": {REFERENCE.registry: entry("docker", "x")}})
    file = write(tmp_path / "podman" / place, {"auths": {REFERENCE.registry: entry("podman", "x")}})
    value = file if variable == "REGISTRY_AUTH_FILE" else tmp_path / "podman"
    found = find_credentials({"HOME": str(tmp_path), variable: str(value)}, REFERENCE, uid=1)
    assert found.authorization == header("podman", "x")


def test_credentials_are_the_most_specific_when_a_file_names_parts_of_the_path(tmp_path: Path) -> None:
    auths = {
        REFERENCE.registry: entry("host", "x"),
        f"{REFERENCE.registry}/team": entry("team", "x"),
        f"{REFERENCE.registry}/team/app/other": entry("other", "x"),
    }
    file = write(tmp_path / "auth.json", {"auths": auths})
    assert find_credentials({"REGISTRY_AUTH_FILE": str(file)}, REFERENCE, uid=1).authorization == header("team", "x")


def test_credentials_of_docker_hub_are_found_when_the_name_has_no_host(tmp_path: Path) -> None:
    write(tmp_path / ".docker" / "config.json", {"auths": {"https://index.docker.io/v1/": entry("bob", "x")}})
    found = find_credentials({"HOME": str(tmp_path)}, parse("bob/polls"), uid=1)
    assert found.authorization == header("bob", "x")


@pytest.mark.parametrize("text", ["[]", '{"auths": []}', '{"auths": {"registry.example.invalid:5000": {"auth": "?"}}}'])
def test_credentials_are_none_when_the_file_has_no_usable_entry(tmp_path: Path, text: str) -> None:
    place = tmp_path / ".docker" / "config.json"
    place.parent.mkdir()
    place.write_text(text)
    assert find_credentials({"HOME": str(tmp_path)}, REFERENCE, uid=1).authorization is None


@pytest.mark.parametrize("text", ["", "{", "\xff"])
def test_credentials_are_refused_when_the_file_is_not_json(tmp_path: Path, text: str) -> None:
    place = tmp_path / ".docker" / "config.json"
    place.parent.mkdir()
    place.write_text(text, "latin-1")
    with pytest.raises(SettingsError) as caught:
        find_credentials({"HOME": str(tmp_path)}, REFERENCE, uid=1)
    assert f"{place}: line 1 is not JSON" in caught.value.message


def helper(directory: Path, name: str, script: str) -> str:
    """A credential helper on a PATH of its own."""
    place = directory / "bin" / f"docker-credential-{name}"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return f"{place.parent}:{os.defpath}"


HELPS = """read server; echo '{"Username": "bob at '"$server"'", "Secret": "s"}'"""


def asked(
    tmp_path: Path, document: dict[str, object], script: str, name: str = "own", seconds: float = 60
) -> Credentials:
    write(tmp_path / ".docker" / "config.json", document)
    environ = {"HOME": str(tmp_path), "PATH": helper(tmp_path, name, script)}
    return find_credentials(environ, REFERENCE, uid=1, helper_seconds=seconds)


@pytest.mark.parametrize(
    ("document", "server"),
    [
        ({"credsStore": "own"}, REFERENCE.registry),
        ({"credsStore": "other", "credHelpers": {REFERENCE.registry: "own"}}, REFERENCE.registry),
        ({"credHelpers": {f"{REFERENCE.registry}/team": "own"}}, f"{REFERENCE.registry}/team"),
        (
            {"auths": {REFERENCE.registry: entry("file", "x")}, "credHelpers": {REFERENCE.registry: "own"}},
            REFERENCE.registry,
        ),
    ],
)
def test_credentials_come_from_a_helper_when_a_file_names_one(
    tmp_path: Path, document: dict[str, object], server: str
) -> None:
    found = asked(tmp_path, document, HELPS)
    assert (found.user, found.password) == (f"bob at {server}", "s")
    place = tmp_path / ".docker" / "config.json"
    assert found.source == f"the credentials of bob at {server} of docker-credential-own ({place})"


def test_credentials_of_docker_hub_are_asked_for_by_its_old_address(tmp_path: Path) -> None:
    write(tmp_path / ".docker" / "config.json", {"credsStore": "own"})
    environ = {"HOME": str(tmp_path), "PATH": helper(tmp_path, "own", HELPS)}
    assert find_credentials(environ, parse("bob/polls"), uid=1).user == "bob at https://index.docker.io/v1/"


def test_credentials_in_the_file_come_before_the_helper_for_all(tmp_path: Path) -> None:
    auths = {REFERENCE.registry: entry("file", "x")}
    assert asked(tmp_path, {"auths": auths, "credsStore": "own"}, HELPS).user == "file"


def test_credentials_are_an_identity_token_when_the_helper_says_so(tmp_path: Path) -> None:
    found = asked(tmp_path, {"credsStore": "own"}, """echo '{"Username": "<token>", "Secret": "abc"}'""")
    assert (found.identity_token, found.user, found.authorization) == ("abc", None, None)
    assert found.source.startswith("the identity token of docker-credential-own (")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo credentials not found in native keychain; exit 1", "docker-credential-own has none for"),
        ("echo something broke; exit 1", "docker-credential-own failed: something broke"),
        ("echo something broke >&2; exit 3", "docker-credential-own failed: something broke"),
        ("exit 3", "docker-credential-own failed: exit status 3"),
        ("echo nonsense", "docker-credential-own gave a malformed answer"),
        ('echo \'{"Username": "bob", "Secret": ""}\'', "docker-credential-own has none for"),
        ("sleep 60", "docker-credential-own did not finish within 0.3 s"),
    ],
)
def test_credentials_say_why_when_the_helper_has_none(tmp_path: Path, script: str, words: str) -> None:
    found = asked(tmp_path, {"credsStore": "own"}, script, seconds=0.3)
    assert found.authorization is None
    place = tmp_path / ".docker" / "config.json"
    assert f"no credentials ({place} names a helper: " in found.source
    assert words in found.source


@pytest.mark.parametrize(
    ("name", "words"), [("none", "cannot start docker-credential-none"), ("../x", "invalid helper name")]
)
def test_credentials_say_so_when_the_helper_is_not_there(tmp_path: Path, name: str, words: str) -> None:
    assert words in asked(tmp_path, {"credsStore": name}, HELPS).source


@pytest.mark.parametrize(("key", "field"), [("identitytoken", "identity_token"), ("registrytoken", "registry_token")])
def test_credentials_are_a_token_when_the_file_has_one(tmp_path: Path, key: str, field: str) -> None:
    auths = {REFERENCE.registry: {"auth": entry("00000000-0000", "")["auth"], key: "abc"}}
    write(tmp_path / ".docker" / "config.json", {"auths": auths})
    found = find_credentials({"HOME": str(tmp_path)}, REFERENCE, uid=1)
    assert getattr(found, field) == "abc"
    assert found.authorization is None
    assert "abc" not in f"{found!r} {found.source}"
