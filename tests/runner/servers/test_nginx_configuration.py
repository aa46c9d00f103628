"""What is promised of the text; whether nginx does as it is told is for tests/e2e/contract/test_X1_front.py."""

from __future__ import annotations

import re
from typing import Any

import pytest

from grocker.runner.servers.nginx import FrontSettings, configuration

_FRONT: dict[str, Any] = {
    "home": "/h",
    "upstream": "/h.sock",
    "asynchronous": False,
    "media": "/media",
    "static": ("/a/static", "/b/assets"),
    "revision": "cafe",
    "access": 7,
    "port": 8080,
    "ipv6": True,
    "trusted": (),
    "workers": 2,
    "connections": 1000,
    "shutdown": 5400,
}


def _text(**fields: Any) -> str:
    return configuration(FrontSettings(**{**_FRONT, **fields}))


def _block(text: str, head: str) -> str:
    """What is in a block, as one line."""
    found = re.search(rf"^( *){re.escape(head)} \{{\n(.*?)^\1\}}", text, re.MULTILINE | re.DOTALL)
    assert found is not None, head
    return " ".join(found[2].split())


def test_configuration_writes_below_its_directory_alone() -> None:
    text = _text()
    written = re.findall(r"^\s*(?:pid|lock_file|\w+_temp_path) (\S+);", text, re.MULTILINE)
    assert len(written) == 7
    assert all(path.startswith("/h/") for path in written)
    assert "user " not in text
    assert "daemon off;" in text


def test_configuration_listens_as_the_runner_does() -> None:
    assert "listen 8080 default_server backlog=2048;" in _text()
    assert "listen [::]:8080 default_server ipv6only=on backlog=2048;" in _text()
    assert "[::]" not in _text(ipv6=False)


def test_media_is_for_answers_alone() -> None:
    media = _block(_text(), "location ^~ /media/")
    assert media.startswith("internal; error_page 404 = @application; root /; disable_symlinks on from=/media;")
    other = _block(_text(media="/mnt/x/media"), "location ^~ /media/")
    assert "root /mnt/x; disable_symlinks on from=/mnt/x/media;" in other
    assert "/media" not in _text(media=None)


def test_static_files_are_those_of_the_first_directory_that_has_them() -> None:
    static = _block(_text(), "location ~ ^/static/(?<file>.+)$")
    assert static.endswith("try_files /a/static/$file /b/assets/$file @application;")
    assert "add_header ETag '\"cafe\"';" in static
    assert "location ~" not in _text(static=())


def test_unchanged_is_said_of_files_alone() -> None:
    """A missing file is the application's to answer, whatever the client has cached; so is any other method."""
    text = _text()
    assert _block(text, 'map "$request_method $http_if_none_match" $unchanged').startswith(
        "'~^(GET|HEAD) .*\"cafe\"' 1;"
    )
    unchanged = _block(text, "location @unchanged")
    assert "return 304" not in _block(text, "location ~ ^/static/(?<file>.+)$")
    assert unchanged.endswith(
        "if (-f '/a/static/$file') { return 304 unchanged; } "
        "if (-f '/b/assets/$file') { return 304 unchanged; } return 418;"
    )
    assert "error_page 418 = @application;" in unchanged


@pytest.mark.parametrize(("asynchronous", "buffering"), [(True, "off"), (False, "on")])
def test_answers_are_buffered_when_a_slow_client_would_hold_a_thread(asynchronous: bool, buffering: str) -> None:
    assert f"proxy_buffering {buffering};" in _text(asynchronous=asynchronous)


def test_bodies_have_no_limit_and_are_not_collected() -> None:
    assert {"client_max_body_size 0;", "proxy_request_buffering off;", "proxy_max_temp_file_size 0;"} <= {
        line.strip() for line in _text().splitlines()
    }


def test_server_is_told_of_the_peer_itself() -> None:
    told = "proxy_set_header X-Grocker-Peer '$realip_remote_addr $realip_remote_port $scheme';"
    assert told in _text()
    assert told in _text(trusted=("*",))


def test_log_follows_trusted_proxies_alone() -> None:
    assert "real_ip" not in _text()
    trusted = _text(trusted=("10.0.0.0/8", "fd00::/8"))
    assert "set_real_ip_from 10.0.0.0/8;\n    set_real_ip_from fd00::/8;\n    real_ip_header" in trusted
    assert "set_real_ip_from 0.0.0.0/0;\n    set_real_ip_from ::/0;" in _text(trusted=("*",))


def test_configuration_says_one_thing_of_each_kind_of_file() -> None:
    types = [line.split()[1:] for line in _block(_text(), "types").split("; ")]
    extensions = [extension.rstrip(";") for line in types for extension in line]
    assert len(extensions) == len(set(extensions)) > 50
