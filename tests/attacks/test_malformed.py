"""What indexes, registries, engines, projects and locks may send: each is an error with its place, and never a bug."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.errors import GrockerError
from grocker.images.engine import Engine, EngineAnswer
from grocker.oci import reference
from grocker.python import InstallScheme, WheelTarget, active_requirements, declared_services, read_wheel
from grocker.python.pylock import read_pylock
from grocker.registry import find_credentials
from grocker.web import Transport
from tests.support.web import Reply, serving
from tests.support.wheels import make_project, make_wheel

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_collector")]

DEEP_JSON = b'{"a":' * 20_000
TARGET = WheelTarget("3.13", "amd64", (2, 41))


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "²"},
        {"Retry-After": "9" * 5_000},
        {"Retry-After": "\x1c4"},
        {"Retry-After": "Mon, 99 Foo 99999 99:99:99 GMT"},
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"},
    ],
)
def test_time_to_wait_that_is_none_is_no_bug(headers: dict[str, str]) -> None:
    sent = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    with (
        serving(lambda _: Reply(503, headers=sent)) as server,
        Transport(environ={}, attempts=2, sleep=lambda _: None) as transport,
        pytest.raises(GrockerError) as caught,
    ):
        transport.open("GET", server.url(), action="testing")
    assert caught.value.status in (69, 75)


@pytest.mark.parametrize(
    "location", ["http://[::1", "http://h:99999/", "http://h:port/", "//[", "http://" + "a" * 300 + "/", "http://a..b/"]
)
def test_redirect_to_an_address_that_is_none_is_no_bug(location: str) -> None:
    with (
        serving(lambda _: Reply(302, headers={"Location": location})) as server,
        Transport(environ={}, attempts=1) as transport,
        pytest.raises(GrockerError) as caught,
    ):
        transport.open("GET", server.url(), action="testing")
    assert caught.value.status in (69, 78)


@pytest.mark.parametrize("value", ["Bearer a\nb", "Bearer \u20ac", "Bearer a\rb"])
def test_secret_that_no_header_may_have_is_an_error_that_does_not_show_it(value: str) -> None:
    with (
        serving(lambda _: Reply()) as server,
        Transport(environ={}, attempts=1) as transport,
        pytest.raises(GrockerError) as caught,
    ):
        transport.open("GET", server.url(), action="testing", headers={"Authorization": value})
    assert caught.value.status == 78
    assert value not in caught.value.message
    assert repr(value) not in repr(caught.value.__cause__)


@pytest.mark.parametrize("text", ["[" * 50_000, '{"auths":' + "9" * 5_000 + "}", '{"auths":{"a":' * 10_000])
def test_file_of_credentials_that_is_none_is_settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "auth.json").write_text(text)
    environ = {"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}
    with pytest.raises(GrockerError) as caught:
        find_credentials(environ, reference.parse("registry.example.com/a:1"), uid=1)
    assert caught.value.status == 78


@pytest.mark.parametrize("body", [DEEP_JSON, b"9" * 5_000, b"[1]", b'"x"', b"\xff", b""])
def test_message_of_an_engine_that_is_none_is_shown_as_it_is(body: bytes) -> None:
    assert isinstance(EngineAnswer(500, body).message(), str)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 \xc2\xb2 OK\r\n\r\n",
        b"HTTP/1.0 99999999999 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n{}",
        b"\0" * 100,
    ],
)
def test_answer_of_an_engine_that_is_none_is_no_bug(answer: bytes) -> None:
    with pytest.raises(GrockerError):
        Engine("unix:///x")._parse(answer, "testing", None)


VALUES = ["{[]: 1}", "{{}: 1}", "[" * 150 + "]" * 150, "-'a'", "{**a}", "'\\ud800'", "{'command': '\\udfff'}", "1 + {}"]


@pytest.mark.parametrize("value", VALUES)
def test_table_of_a_service_that_is_no_literal_is_settings(tmp_path: Path, value: str) -> None:
    wheel = make_wheel(
        tmp_path, files={"demo/__init__.py": f"www = {value}\n"}, entry_points="[grocker.services]\nwww = demo:www\n"
    )
    found = read_wheel(wheel, InstallScheme("3.13"))
    try:
        declared_services(found)
    except GrockerError as error:
        assert error.status == 78  # noqa: PT017 - a literal that is merely no table is refused later


@pytest.mark.parametrize(
    "marker",
    [
        *("'x' in extras", "python_version ~= 'x'", "os_name < 'a'", "extra == 'a' and 'b' in dependency_groups"),
        f"python_version < '{'9' * 5000}'",
    ],
)
def test_marker_that_nobody_can_evaluate_is_no_bug(marker: str) -> None:
    for ask in (
        lambda: read_pylock(f'[[packages]]\nname = "a"\nmarker = "{marker}"\n'.encode(), TARGET),
        lambda: active_requirements("demo", [f"a ; {marker}"], (), TARGET),
    ):
        try:
            ask()
        except GrockerError as error:
            assert error.status in (65, 66, 78)  # noqa: PT017 - some can be evaluated


@pytest.mark.parametrize(
    "text",
    [
        "[[packages]]\nversion = '1'\n",
        "[[packages]]\nname = 'a'\nwheels = [1]\n",
        "[[packages]]\nname = 'a'\nwheels = [{name = 'a-1-py3-none-any.whl', url = 'http://[', hashes = 1}]\n",
        "[[packages]]\nname = 'a'\nwheels = [{name = 'a-1-py3-none-any.whl', url = 'x', hashes = {sha256 = 'zz'}}]\n",
        "packages = [1]\n",
    ],
)
def test_lock_of_uv_that_is_malformed_is_corrupt(text: str) -> None:
    with pytest.raises(GrockerError):
        read_pylock(text.encode(), TARGET)


def deep_settings(project: Path) -> None:
    (project / "grocker.toml").write_text("env = " + "[" * 10_000 + "]" * 10_000)


def long_integer(project: Path) -> None:
    (project / "grocker.toml").write_text("x = " + "9" * 5_000)


def long_key(project: Path) -> None:
    (project / "grocker.toml").write_text("a." * 20_000 + "b = 1\n")


def deep_project(project: Path) -> None:
    with (project / "pyproject.toml").open("a") as stream:
        stream.write("\n[tool.x]\ny = " + "{z = " * 5_000 + "1" + "}" * 5_000)


def deep_lock(project: Path) -> None:
    (project / "grocker.lock").write_text("version = 1\nx = " + "[" * 10_000 + "]" * 10_000)


def large_number_in_the_lock(project: Path) -> None:
    (project / "grocker.lock").write_text("version = " + "9" * 4_000)


def deep_uv_settings(project: Path) -> None:
    (project / "uv.toml").write_text("x = " + "[" * 10_000 + "]" * 10_000)


@pytest.mark.parametrize(
    "spoil",
    [deep_settings, long_integer, long_key, deep_project, deep_lock, large_number_in_the_lock, deep_uv_settings],
)
def test_project_that_is_malformed_ends_with_the_status_of_settings(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    project = make_project(tmp_path / "project")
    spoil(project)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(tmp_path),
        "UV_OFFLINE": "1",
        "GROCKER_DEBIAN_MIRROR": "http://127.0.0.1:1",
        "GROCKER_DEBIAN_SECURITY_MIRROR": "http://127.0.0.1:1",
    }
    # Seconds of processor time, whatever else the machine does.
    command = ["prlimit", "--cpu=60", sys.executable, "-m", "grocker", "build", str(project), "-o", "store"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode in (69, 78), done.stderr
    assert done.returncode == 78 or spoil is deep_uv_settings  # a file of uv's, which it judges itself
    assert "Traceback" not in done.stderr
