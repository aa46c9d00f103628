"""What of the host's network configuration reaches a command, and which texts are its secrets."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from grocker.sandbox.host_network import HostNetwork, hide, holds_npm_credentials, read_host_network

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"
BASIC = base64.b64encode(b"me:s3cret-word").decode()


def read(tmp_path: Path, npmrc: str = "", project: str = "", **environ: str) -> tuple[HostNetwork, list[str]]:
    """The configuration of a host, and the lines of npm's."""
    home = tmp_path / "home"
    (tmp_path / "etc/ssl/certs").mkdir(parents=True)
    home.mkdir()
    (home / ".npmrc").write_text(npmrc)
    (tmp_path / "etc/resolv.conf").write_text("nameserver 127.0.0.53\n")
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "etc/passwd").write_text("me:x\n")
    own = tmp_path / ".npmrc"
    own.write_text(project)
    network = read_host_network({"HOME": str(home), **environ}, [own], tmp_path)
    return network, network.files["grocker.npmrc"].decode().splitlines()


def test_names_are_resolved_as_on_the_host_and_nothing_else_is_read(tmp_path: Path) -> None:
    network, lines = read(tmp_path, SECRET="leaked")
    assert sorted(network.files) == ["grocker.npmrc", "hosts", "resolv.conf"]
    assert network.environment == {"npm_config_userconfig": "/etc/grocker.npmrc"}
    assert (lines, network.secrets) == ([], ())


@pytest.mark.parametrize(
    ("npmrc", "environ", "lines"),
    [
        ("registry=https://npm.example/\n@me:registry = https://own.example/", {}, 2),
        ('; comment\nregistry = "https://npm.example/"\n@me:registry=https://own.example/', {}, 2),
        ("registry=https://old.example/", {"NPM_CONFIG_REGISTRY": "https://npm.example/"}, 1),
        ("registry=${ADDRESS}", {"ADDRESS": "https://npm.example/"}, 1),
        ("", {"npm_config_registry": "https://npm.example/"}, 1),
    ],
)
def test_registry_is_that_of_npm_on_the_host(tmp_path: Path, npmrc: str, environ: dict[str, str], lines: int) -> None:
    found = read(tmp_path, npmrc, **environ)[1]
    assert found[0] == "registry=https://npm.example/"
    assert len(found) == lines


def test_other_settings_of_npm_stay_on_the_host(tmp_path: Path) -> None:
    assert (
        read(tmp_path, "prefix=/home/me\nscript-shell=/bin/evil\nkey=PRIVATE\ninit-author-email=a@b\n_auth=abc\n")[1]
        == []
    )


@pytest.mark.parametrize(
    ("npmrc", "line", "secrets"),
    [
        ("//npm.example/:_authToken=tok-314159", "//npm.example/:_authToken=${GROCKER_NPM_0}", {"tok-314159"}),
        (f"//npm.example/:_auth={BASIC}", "//npm.example/:_auth=${GROCKER_NPM_0}", {BASIC, "s3cret-word"}),
        ("//npm.example/:_authToken=${TOKEN}", "//npm.example/:_authToken=${GROCKER_NPM_0}", {"tok-314159"}),
        ("//npm.example/:username=me", "//npm.example/:username=me", set()),
        (
            "proxy=http://me:s3cret-word@proxy.example:3128",
            "proxy=${GROCKER_NPM_0}",
            {"http://me:s3cret-word@proxy.example:3128", "me:s3cret-word", "s3cret-word"},
        ),
        (
            "registry=https://me:s3cret-word@npm.example/npm/",
            "registry=https://npm.example/npm/",
            {BASIC, "s3cret-word"},
        ),
    ],
)
def test_secrets_are_in_variables_and_known(tmp_path: Path, npmrc: str, line: str, secrets: set[str]) -> None:
    network, lines = read(tmp_path, npmrc, TOKEN="tok-314159")
    assert lines[0] == line
    assert set(network.secrets) == secrets
    written = b"".join(network.files.values()).decode()
    assert not any(secret in written for secret in secrets)
    if line.startswith("registry"):
        assert lines[1] == "//npm.example/npm/:_auth=${GROCKER_NPM_0}"


def test_proxies_are_those_of_the_host(tmp_path: Path) -> None:
    network, _ = read(tmp_path, https_proxy="http://me:s3cret-word@proxy.example:3128", NO_PROXY="localhost")
    assert network.environment["https_proxy"] == "http://me:s3cret-word@proxy.example:3128"
    assert network.environment["NO_PROXY"] == "localhost"
    assert "s3cret-word" in network.secrets


def test_certificates_are_those_that_the_host_trusts_without_keys(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(f"text\n{CERTIFICATE}\n-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n")
    network, lines = read(tmp_path, f"cafile={bundle}", SSL_CERT_FILE=str(bundle))
    assert network.files["ssl/certs/ca-certificates.crt"] == CERTIFICATE.encode() + b"\n"
    assert network.environment["NODE_EXTRA_CA_CERTS"] == "/etc/ssl/certs/ca-certificates.crt"
    assert lines == ["cafile=/etc/ssl/certs/ca-certificates.crt"]


def test_npmrc_of_the_project_gives_its_variables_or_its_credentials(tmp_path: Path) -> None:
    network, lines = read(tmp_path, project="//npm.example/:_authToken=${TOKEN}\n", TOKEN="tok-314159", OTHER="x")
    assert (network.environment["TOKEN"], network.secrets, lines) == ("tok-314159", ("tok-314159",), [])
    assert "OTHER" not in network.environment
    own = tmp_path / ".npmrc"
    own.write_text("//npm.example/:_authToken=tok-314159\nscript-shell=/bin/evil\n")
    assert holds_npm_credentials(own)
    other = read_host_network({}, [own], tmp_path)
    assert other.files["grocker.npmrc"] == b"//npm.example/:_authToken=${GROCKER_NPM_0}\n"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("legacy-peer-deps=true\n", False),
        ("//npm.example/:_authToken=${TOKEN}", False),
        ("//npm.example/:_authToken=abc", True),
        ("_auth=abc", True),
        ("//npm.example/:_password=abc", True),
        ("registry=https://me:word@npm.example/", True),
        ("registry=https://npm.example/@me", False),
        ("registry=https://deploy@npm.example/", False),
        ("registry=https://0123456789abcdef@npm.example/", True),
        ("\0\n=\n[a]", False),
    ],
)
def test_npmrc_holds_credentials_unless_a_variable_has_them(tmp_path: Path, text: str, held: bool) -> None:
    (tmp_path / ".npmrc").write_text(text)
    assert holds_npm_credentials(tmp_path / ".npmrc") is held


def test_secrets_are_hidden_in_a_text() -> None:
    assert hide("a tok-1 b tok-1", ("tok-1",)) == "a *** b ***"
