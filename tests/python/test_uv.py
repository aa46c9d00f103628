from __future__ import annotations

from pathlib import Path

import pytest

from grocker.command import Output
from grocker.python import find_uv
from grocker.python.uv import NoWheelError, no_wheel_error, summarise_error, translate_error

CALLER = {
    "HOME": "/home/joe",
    "PATH": "/home/joe/bin",
    "PYTHONPATH": "/evil",
    "VIRTUAL_ENV": "/venv",
    "UV_INDEX": "https://index.example.invalid",
    "UV_PYTHON": "3.9",
    "PIP_CONFIG_FILE": "/dev/null",
    "https_proxy": "http://proxy.example.invalid:3128",
    "SSL_CERT_FILE": "/etc/ca.pem",
}


def test_uv_gets_only_what_is_its_business() -> None:
    environment = dict(find_uv(CALLER, cache=Path("/cache")).environment)
    assert {name: environment[name] for name in ("UV_INDEX", "https_proxy", "SSL_CERT_FILE", "UV_CACHE_DIR")} == {
        "UV_INDEX": "https://index.example.invalid",
        "https_proxy": "http://proxy.example.invalid:3128",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_CACHE_DIR": "/cache",
    }
    assert environment["PATH"] == "/usr/local/bin:/usr/bin:/bin"
    assert environment["UV_PYTHON_DOWNLOADS"] == "never"
    assert not {"PYTHONPATH", "VIRTUAL_ENV", "UV_PYTHON"} & set(environment)


def test_variables_that_answers_depend_on_are_the_same_for_everybody_who_asks() -> None:
    one = {**CALLER, "UV_INDEX": "https://bob:first@index.example.com/simple", "UV_INDEX_OURS_PASSWORD": "first"}
    other = {**CALLER, "UV_INDEX": "https://eve:second@index.example.com/simple", "UV_HTTP_TIMEOUT": "9"}
    found = find_uv(one, cache=Path("/cache")).variables()
    assert found == find_uv(other, cache=Path("/elsewhere")).variables()
    assert ("UV_INDEX", "https://index.example.com/simple") in found
    assert found != find_uv({**other, "UV_INDEX": "https://index.example.net/simple"}).variables()


def test_uv_keeps_the_cache_that_the_caller_names() -> None:
    assert find_uv({**CALLER, "UV_CACHE_DIR": "/mine"}, cache=Path("/cache")).environment["UV_CACHE_DIR"] == "/mine"


@pytest.mark.parametrize(
    ("stderr", "status", "words"),
    [
        (
            "error: No solution found\n  cause: Because all versions of a-b have no usable wheels and you\n",
            66,
            "a-b: no wheel for P",
        ),
        (
            "error: x\n  cause: Because c==1.0 has no wheels with a matching platform tag (e.g., `z`)",
            66,
            "c 1.0: no wheel for P",
        ),
        (
            "error: x\n  cause: Because c{os_name == 'posix'}==1.0 has no usable wheels and b depends on c{x}==1.0",
            66,
            "c 1.0: no wheel for P",
        ),
        (
            "error: x\n  cause: Because the requested Python version (>=3.11) does not satisfy Python>=3.12 and d",
            66,
            "does not satisfy Python>=3.12",
        ),
        (
            "error: No solution found\n  cause: Because n was not found in the package registry and",
            66,
            "package n not found",
        ),
        (
            "error: No solution found\n  cause: Because n was not found in the package registry and you require n, we",
            66,
            "resolving: package n not found on the index",
        ),
        ("error: No solution found\n  cause: Because only d>=1.1 is available and you require d<1", 66, "only d>=1.1"),
        ("error: No solution found\n  cause: Because there is no version of d==9 and you", 66, "no version of d==9"),
        ("error: No solution found\n  cause: Because a depends on b<2 and you require b>3", 78, "a depends on b<2"),
        (
            "error: Failed to fetch: https://u:p@h/x\n  cause: HTTP status server error (503 Service Unavailable)",
            69,
            "//h/x",
        ),
        ("error: Failed to fetch\n  cause: HTTP status client error (401 Unauthorized) for url", 77, "denies access"),
        (
            "error: Failed to fetch\n  cause: HTTP status client error (429 Too Many Requests) for",
            75,
            "rate limited",
        ),
        ("error: x\n  cause: error sending request for url (http://h)\n  cause: dns error", 69, "cannot reach"),
        ("error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.", 78, "uv.lock is stale"),
        ("error: Hash mismatch for `x==1`", 65, "Hash mismatch"),
        ("error: Failed to download `x`\n  cause: No space left on device (os error 28)", 74, "No space left"),
        ("error: something new", 78, "something new"),
        ("", 78, "no reason given"),
    ],
)
def test_failure_of_uv_becomes_an_error_of_ours(stderr: str, status: int, words: str) -> None:
    error = translate_error(Output(1, b"", stderr), action="resolving", platform="P")
    assert (error.status, words in error.message) == (status, True)
    assert "u:p@" not in error.message


def test_explanation_leaves_warnings_out_and_has_one_line() -> None:
    text = "warning: not this\n  cause: nor this\nerror: this\n  cause: and this\n         too\nhint: not this\n"
    assert summarise_error(text) == "this and this too"
    assert len(summarise_error("error: " + "x" * 5000)) == 600


def test_hint_names_the_package_with_wheels_when_its_makers_serve_it_under_another_name() -> None:
    assert "depend on psycopg[binary]" in str(no_wheel_error("psycopg-c 3.2.1", None, "P").hint)
    assert "depend on psycopg2-binary" in str(no_wheel_error("psycopg2", "2.9", "P").hint)
    assert "choose a version that has one" in str(no_wheel_error("docopt", "0.6.2", "P").hint)


def test_package_for_other_pythons_alone_counts_as_one_without_a_wheel() -> None:
    text = "error: No solution found\n  cause: the requested Python version (>=3.11) does not satisfy Python>=3.12"
    assert isinstance(translate_error(Output(1, b"", text), action="resolving", platform="P"), NoWheelError)
