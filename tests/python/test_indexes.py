from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.python.indexes import (
    add_credentials,
    find_place,
    find_places,
    find_uv_indexes,
    hide_credentials,
    read_pip_indexes,
)


def host(tmp_path: Path, **files: str) -> tuple[dict[str, str], Path]:
    places = {
        "etc": tmp_path / "etc" / "pip.conf",
        "xdg": tmp_path / "etc" / "xdg" / "pip" / "pip.conf",
        "user": tmp_path / "home" / ".config" / "pip" / "pip.conf",
        "old": tmp_path / "home" / ".pip" / "pip.conf",
        "named": tmp_path / "named.conf",
    }
    for name, text in files.items():
        places[name].parent.mkdir(parents=True, exist_ok=True)
        places[name].write_text(text)
    environ = {"HOME": str(tmp_path / "home")}
    if "named" in files:
        environ["PIP_CONFIG_FILE"] = str(places["named"])
    return environ, tmp_path / "etc"


def conf(address: str) -> str:
    return f"[global]\nindex-url = {address}\n"


def test_pip_configuration_is_handed_to_uv_by_pip_precedence(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    environ, etc = host(tmp_path)
    for name in ("xdg", "etc", "old", "user", "named"):
        files[name] = conf(f"https://{name}.example.invalid/simple")
        environ, etc = host(tmp_path, **files)
        assert read_pip_indexes(environ, etc) == {"UV_DEFAULT_INDEX": f"https://{name}.example.invalid/simple"}
    environ["PIP_INDEX_URL"] = "https://env.example.invalid/simple"
    assert read_pip_indexes(environ, etc) == {"UV_DEFAULT_INDEX": "https://env.example.invalid/simple"}


def test_pip_more_indexes_count_only_when_uv_can_reach_them(tmp_path: Path) -> None:
    text = "[install]\nextra_index_url =\n  file:///opt/simple\n  https://u:p@one.example.invalid/s\n  http://two.example.invalid\n"
    environ, etc = host(tmp_path, user=text + "trusted-host = two.example.invalid\n[list]\nindex-url = https://no\n")
    assert read_pip_indexes(environ, etc) == {
        "UV_INDEX": "https://u:p@one.example.invalid/s http://two.example.invalid",
        "UV_INSECURE_HOST": "two.example.invalid",
    }


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_pip_configuration_gives_way_when_uv_has_its_own(tmp_path: Path, name: str) -> None:
    environ, etc = host(tmp_path, user=conf("https://pip.example.invalid/simple"))
    assert read_pip_indexes({**environ, name: "https://uv.example.invalid"}, etc) == {}


def test_pip_certificates_are_handed_to_uv(tmp_path: Path) -> None:
    environ, etc = host(tmp_path, user="[global]\ncert = /etc/ca.pem\n")
    assert read_pip_indexes(environ, etc) == {"SSL_CERT_FILE": "/etc/ca.pem"}
    assert read_pip_indexes({**environ, "SSL_CERT_FILE": "/x"}, etc) == {}
    assert read_pip_indexes({"PIP_CERT": "/y"}, etc) == {"SSL_CERT_FILE": "/y"}


def test_pip_configuration_is_refused_when_malformed(tmp_path: Path) -> None:
    environ, etc = host(tmp_path, user="index-url = https://joe:hunter2@example.invalid\n")
    with pytest.raises(SettingsError, match=r"pip\.conf") as caught:
        read_pip_indexes(environ, etc)
    assert "hunter2" not in caught.value.message


def test_pip_configuration_is_nothing_when_switched_off(tmp_path: Path) -> None:
    environ, etc = host(tmp_path, user=conf("https://pip.example.invalid/simple"))
    assert read_pip_indexes({**environ, "PIP_CONFIG_FILE": "/dev/null"}, etc) == {}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("at https://joe:pw@example.invalid/a and more", "at https://example.invalid/a and more"),
        ("`https://token@example.invalid`", "`https://example.invalid`"),
        ("https://example.invalid/@scope/x", "https://example.invalid/@scope/x"),
        ("git+ssh://git@example.invalid/x", "git+ssh://example.invalid/x"),
        ("joe@example.invalid", "joe@example.invalid"),
    ],
)
def test_credentials_are_taken_out_of_addresses(text: str, clean: str) -> None:
    assert hide_credentials(text) == clean


INDEXES = {
    "UV_DEFAULT_INDEX": "https://joe:pw@one.example.invalid/simple",
    "UV_INDEX": "corp=https://token@two.example.invalid:8443/s https://three.example.invalid/s",
}


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("https://one.example.invalid/f/x.whl", "https://joe:pw@one.example.invalid/f/x.whl"),
        ("https://two.example.invalid:8443/f/x.whl?y#z", "https://token@two.example.invalid:8443/f/x.whl?y#z"),
        ("https://two.example.invalid/f/x.whl", "https://two.example.invalid/f/x.whl"),
        ("http://one.example.invalid/f/x.whl", "http://one.example.invalid/f/x.whl"),
        ("https://three.example.invalid/x.whl", "https://three.example.invalid/x.whl"),
        ("file:///x.whl", "file:///x.whl"),
    ],
)
def test_credentials_go_to_the_host_of_their_index_alone(url: str, requested: str) -> None:
    assert add_credentials(url, INDEXES) == requested


@pytest.mark.parametrize(
    ("name", "text", "settled"),
    [
        ("project/uv.toml", 'index-url = "https://x"', {"UV_DEFAULT_INDEX"}),
        ("project/pyproject.toml", '[tool.uv.pip]\nextra-index-url = ["https://x"]', {"UV_INDEX"}),
        ("project/pyproject.toml", '[[tool.uv.index]]\nurl = "https://x"\ndefault = true', {"UV_DEFAULT_INDEX"}),
        ("project/pyproject.toml", '[[tool.uv.index]]\nurl = "https://x"\nexplicit = true', set()),
        ("pyproject.toml", '[[tool.uv.index]]\nurl = "https://x"', {"UV_INDEX"}),
        ("home/.config/uv/uv.toml", "no-index = true", {"UV_DEFAULT_INDEX", "UV_INDEX"}),
        ("etc/uv/uv.toml", 'index-url = "https://x"', {"UV_DEFAULT_INDEX"}),
        ("project/pyproject.toml", "tool = 1", set()),
        ("project/uv.toml", "broken", set()),
    ],
)
def test_index_is_settled_by_configuration_of_uv(tmp_path: Path, name: str, text: str, settled: set[str]) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    found = find_uv_indexes(tmp_path / "project", {"HOME": str(tmp_path / "home")}, tmp_path / "etc")
    assert found == settled


def test_place_of_an_index_is_the_file_that_names_it(tmp_path: Path) -> None:
    environ, etc = host(tmp_path)
    project = tmp_path / "work" / "project"
    project.mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[tool.uv]\nfind-links = ["https://links.example.invalid/all.html"]\n'
        '[[tool.uv.index]]\nurl = "https://me:secret@Own.example.invalid:443/simple/"\n'
    )
    (project.parent / "uv.toml").write_text('index-url = "https://above.example.invalid/simple"\n')
    user = tmp_path / "home" / ".config" / "uv" / "uv.toml"
    user.parent.mkdir(parents=True)
    user.write_text('extra-index-url = ["https://own.example.invalid/simple/team"]\nindex = "malformed"\n')
    places = find_places(project, environ, etc)
    assert "secret" not in repr(places)
    for url, place in {
        "https://own.example.invalid/simple/six/": "pyproject.toml [tool.uv]",
        "https://own.example.invalid/simple/team/six/": str(user),
        "https://links.example.invalid/all.html": "pyproject.toml [tool.uv]",
        "https://above.example.invalid/simple/six/": str(project.parent / "uv.toml"),
        "https://own.example.invalid/simpler/six/": "",
        "https://host.example.invalid/simple/six/": "",
    }.items():
        assert find_place(f"error sending request for url ({url})", places) == place
