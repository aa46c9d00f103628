from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.oci.reference import parse
from grocker.registry import Credentials, find_credentials
from tests.support.patience import PATIENCE

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


@pytest.mark.parametrize("text", ["[]", "", " \n", "null", "{}", '{"auths": []}', '{"auths": null}'])
def test_credentials_are_none_when_the_file_has_no_usable_entry(tmp_path: Path, text: str) -> None:
    place = tmp_path / ".docker" / "config.json"
    place.parent.mkdir()
    place.write_text(text)
    assert find_credentials({"HOME": str(tmp_path)}, REFERENCE, uid=1).authorization is None


@pytest.mark.parametrize("text", ["{", "\xff", "[" * 100_000])
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
    tmp_path: Path, document: dict[str, object], script: str, name: str = "own", seconds: float = PATIENCE
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
    found = asked(tmp_path, {"credsStore": "own"}, script, seconds=0.3 if script.startswith("sleep") else PATIENCE)
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


def config(directory: Path, text: str) -> dict[str, str]:
    """The environment of somebody with that config.json."""
    place = directory / ".docker" / "config.json"
    place.parent.mkdir()
    place.write_text(text, "utf-8")
    return {"HOME": str(directory)}


LONG = "p" * 90


@pytest.mark.parametrize(
    "encoded",
    [
        base64.encodebytes(f"bob:{LONG}".encode()).decode(),
        base64.encodebytes(f"bob:{LONG}".encode()).decode().replace("\n", "\r\n"),
        base64.b64encode(f"bob:{LONG}".encode()).decode() + "\n",
        "\n" + base64.b64encode(f"bob:{LONG}".encode()).decode(),
        base64.b64encode(f"bob:{LONG}\0\0".encode()).decode(),
        base64.b64encode(f"bob:\0{LONG}\0\0".encode()).decode(),
    ],
)
def test_credentials_are_found_in_base64_as_docker_reads_it(tmp_path: Path, encoded: str) -> None:
    environ = config(tmp_path, json.dumps({"auths": {REFERENCE.registry: {"auth": encoded}}}))
    assert find_credentials(environ, REFERENCE, uid=1).authorization == header("bob", LONG)


@pytest.mark.parametrize("names", [("Auths", "Auth"), ("AUTHS", "AUTH"), ("auths", "aUTH"), ("aUths", "auth")])
def test_credentials_are_found_under_names_in_any_case(tmp_path: Path, names: tuple[str, str]) -> None:
    environ = config(tmp_path, json.dumps({names[0]: {REFERENCE.registry: {names[1]: entry("bob", "x")["auth"]}}}))
    assert find_credentials(environ, REFERENCE, uid=1).authorization == header("bob", "x")


@pytest.mark.parametrize(
    ("document", "secret"),
    [
        ({"Auths": {REFERENCE.registry: {"UserName": "bob", "PASSWORD": "s"}}}, "s"),
        ({"Auths": {REFERENCE.registry: {"IdentityToken": "s"}}}, "s"),
        ({"auths": {REFERENCE.registry: {"REGISTRYTOKEN": "s"}}}, "s"),
        ({"CredsStore": "own"}, "s"),
        ({"credhelpers": {REFERENCE.registry: "own"}}, "s"),
        ({"credHelpers": {f"https://{REFERENCE.registry}/v9/": "own"}}, "s"),
    ],
)
def test_credentials_of_every_kind_are_found_under_names_in_any_case(
    tmp_path: Path, document: dict[str, object], secret: str
) -> None:
    found = asked(tmp_path, document, HELPS)
    assert secret in (found.password, found.identity_token, found.registry_token)


@pytest.mark.parametrize(
    "key", ["{}/", "{}/v1", "{}/v1/", "{}/v2/", "https://{}/", "http://{}/v1/", "https://{}/any/path"]
)
def test_credentials_are_found_with_a_scheme_or_a_path_around_the_host(tmp_path: Path, key: str) -> None:
    environ = config(tmp_path, json.dumps({"auths": {key.format(REFERENCE.registry): entry("bob", "x")}}))
    assert find_credentials(environ, REFERENCE, uid=1).authorization == header("bob", "x")


@pytest.mark.parametrize(
    "key", ["index.docker.io/", "https://docker.io/", "docker.io/v1/", "https://index.docker.io/v2/"]
)
def test_credentials_of_docker_hub_are_found_with_a_scheme_or_a_path(tmp_path: Path, key: str) -> None:
    environ = config(tmp_path, json.dumps({"auths": {key: entry("bob", "x")}}))
    assert find_credentials(environ, parse("bob/polls"), uid=1).authorization == header("bob", "x")


@pytest.mark.parametrize(
    "key",
    [
        "{}/other",
        "{}0",
        "x{}",
        "https://{}.evil.invalid/",
        "https://evil.invalid/{}",
        "ftp://{}/",
        "evil.invalid/{}/",
        "https://x@{}/",
    ],
)
def test_credentials_of_another_host_or_path_are_not_taken(tmp_path: Path, key: str) -> None:
    environ = config(tmp_path, json.dumps({"auths": {key.format(REFERENCE.registry): entry("bob", "x")}}))
    assert find_credentials(environ, REFERENCE, uid=1).authorization is None


@pytest.mark.parametrize("behind", ["\n", "\n{}", "\n# by hand", "\0"])
def test_credentials_are_found_whatever_follows_the_document(tmp_path: Path, behind: str) -> None:
    environ = config(tmp_path, json.dumps({"auths": {REFERENCE.registry: entry("bob", "x")}}) + behind)
    assert find_credentials(environ, REFERENCE, uid=1).authorization == header("bob", "x")


def test_credentials_keep_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    encoded = base64.b64encode("bob:gr\u00fcn".encode("latin-1")).decode()
    environ = config(tmp_path, json.dumps({"auths": {REFERENCE.registry: {"auth": encoded}}}))
    assert find_credentials(environ, REFERENCE, uid=1).authorization == f"Basic {encoded}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"auth": "?"}, f"the auth of '{REFERENCE.registry}' in "),
        ({"auth": "Ym9i"}, "is not USER:PASSWORD in base64"),
        ({"auth": "Ym9iO ng="}, "is not USER:PASSWORD in base64"),
        ({"auth": 7}, "is not USER:PASSWORD in base64"),
        ("Ym9iOng=", "is not an object"),
    ],
)
def test_credentials_that_cannot_be_read_are_named(tmp_path: Path, value: object, words: str) -> None:
    found = find_credentials(config(tmp_path, json.dumps({"auths": {REFERENCE.registry: value}})), REFERENCE, uid=1)
    assert found.authorization is None
    assert words in found.source
    assert "none for" not in found.source
    assert "Ym9i" not in found.source
