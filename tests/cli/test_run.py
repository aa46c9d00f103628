"""What ``grocker run`` refuses before an engine is asked, and what it says."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.builder.result import Built, BuiltImage
from grocker.cli.main import run
from grocker.cli.run import starts_without_http
from tests.support.image import two_images


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("a:1 --port 28080 start www", "--port 28080 a:1 start www"),
        ("a:1 --port=28080 start www", "--port=28080 a:1 start www"),
        (". -q start www", "-q . start www"),
        (". -e A=1 env", "-e A=1 . env"),
        ("./shop --platform linux/arm64", "--platform linux/arm64 ./shop"),
    ],
)
def test_option_that_comes_after_the_source_is_refused_with_the_line_that_works(
    capsys: pytest.CaptureFixture[str], words: str, hint: str
) -> None:
    assert run(["run", *words.split()]) == 64
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith(f" is an option of grocker run, but comes after {words.split(maxsplit=1)[0]}")
    assert said[1] == f"hint: options go first: grocker run {hint}"


class Workplace:
    """A directory with an engine that prints how it was called."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "bin").mkdir()
        (place / "bin" / "podman").write_text('#!/bin/sh\necho "$@"\n')
        (place / "bin" / "podman").chmod(0o755)

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", "from grocker.cli.main import main; main()", "run", *words]
        given = {"PATH": str(self.place / "bin"), "HOME": str(self.place), **environ}
        return subprocess.run(line, cwd=self.place, env=given, capture_output=True, text=True, check=False)


@pytest.fixture
def here(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.create_server(("", 0)) as listener:
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize("option", ["--port", "--supervision"])
def test_port_in_use_is_told_before_the_engine_is_asked(here: Workplace, taken: str, option: str) -> None:
    other = "--supervision" if option == "--port" else "--port"
    done = here.run(option, taken, other, "0", "--engine", "podman", "a:1", "start", "www")
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith(
        f"error: port {taken} of this host is in use\nhint: choose another one: grocker run {option} "
    )


def test_port_in_use_is_no_matter_for_a_command(here: Workplace, taken: str) -> None:
    done = here.run("--port", taken, "--engine", "podman", "a:1", "true")
    assert done.returncode == 0
    assert done.stdout.endswith("a:1 true\n")


def test_addresses_are_shown_before_the_service_starts(here: Workplace) -> None:
    with socket.create_server(("", 0)) as one, socket.create_server(("", 0)) as two:
        ports = [str(listener.getsockname()[1]) for listener in (one, two)]
    done = here.run("--port", ports[0], "--supervision", ports[1], "--engine", "podman", "a:1", "start", "www")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[1:] == [
        f"application: http://localhost:{ports[0]}/",
        f"status: http://localhost:{ports[1]}/",
    ]


@pytest.mark.parametrize(
    ("words", "is_without"),
    [("start worker", True), ("start www", False), ("start any-name-of-django", False), ("worker worker", False)],
)
def test_no_address_is_shown_for_a_service_that_serves_no_http(words: str, is_without: bool) -> None:
    images = tuple(BuiltImage(one, (), ()) for one in two_images()[0])
    built = Built(images, (), ("worker", "www"), (), (), (), web=("www",))
    assert starts_without_http(built, words.split()) is is_without


@pytest.mark.parametrize("address", ["", "tcp://127.0.0.1:9"])
def test_podman_in_the_place_of_the_engine_in_docker_host_says_so(here: Workplace, address: str) -> None:
    done = here.run("a:1", "true", **({"DOCKER_HOST": address} if address else {}))
    assert done.returncode == 0, done.stderr
    assert (f"warning: using podman: the Docker engine on {address} cannot be used" in done.stderr) == bool(address)
