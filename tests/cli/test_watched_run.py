"""``run --watch``: which image runs, and that Ctrl-C leaves no container, however long the engine takes to stop it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from grocker.builder.result import Built
from grocker.cli.watch import Watch
from grocker.cli.watched_run import run_watched
from tests.support.patience import PATIENCE
from tests.support.processes import wait_until

ENGINE = """\
#!/bin/sh
# As the engine's command line: "run --name NAME IMAGE" lasts until "stop NAME", which fails if there is no container.
cd "{place}"
case $1 in
run) echo "run $4" >>log; echo $$ >pid.new; mv pid.new pid; exec sleep 600 ;;
stop)
    pid=$(cat pid) || exit 1
    touch stopping; {first}
    rm pid; kill "$pid"; echo stopped >>log
esac
"""
PROGRAM = """
from pathlib import Path
from types import SimpleNamespace
from grocker.cli import interrupt, main
from grocker.cli.watch import Watch
from grocker.cli.watched_run import run_watched
interrupt._GRACE = 1
watch = Watch(lambda: SimpleNamespace(files=(__file__,), digest="one"))
def run(arguments):
    watch.first()
    run_watched(watch, lambda image: [str(Path(__file__).with_name("engine")), "run", image], "shop:1")
main.run = run
main.main()
"""


def write_engine(place: Path, first: str = ":") -> Path:
    """Write an engine for one container; ``first``: what it does, in sh, before it stops that."""
    program = place / "engine"
    program.write_text(ENGINE.format(place=place, first=first))
    program.chmod(0o755)
    return program


def test_new_version_runs_by_its_name(tmp_path: Path) -> None:
    version, program = tmp_path / "version", write_engine(tmp_path)
    version.write_text("1")

    def build() -> Built:
        number = version.read_text()
        if number == "4":
            raise KeyboardInterrupt
        version.write_text(str(int(number) + 1))  # while it builds: so it builds again
        name = f"shop:{number}"
        delivered = (SimpleNamespace(place=name),)
        files = (str(version),)
        return cast("Built", SimpleNamespace(files=files, digest=number, names=(name,), delivered=delivered))

    watch = Watch(build)
    first = watch.first()
    with pytest.raises(KeyboardInterrupt):
        run_watched(watch, lambda image: [str(program), "run", image], first.delivered[0].place)
    assert (tmp_path / "log").read_text() == "".join(f"run shop:{number}\nstopped\n" for number in (1, 2, 3))


def test_interrupt_while_the_container_is_being_started_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, start = write_engine(tmp_path), subprocess.Popen.__init__

    def interrupted(self: subprocess.Popen[bytes], *arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(subprocess.Popen, "__init__", start)
        start(self, *arguments, **options)
        wait_until((tmp_path / "pid").exists)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess.Popen, "__init__", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_watched(Watch(unexpected), lambda image: [str(program), "run", image], "shop:1")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "log").read_text() == "run shop:1\nstopped\n"


def unexpected() -> Built:
    raise AssertionError


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A watched run in a process of its own, in which unwinding may take a second; its container runs."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    write_engine(tmp_path, 'while [ ! -e "go" ]; do sleep 0.02; done')
    line = [sys.executable, str(program)]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_until((tmp_path / "pid").exists)
        yield process
        process.kill()
    (tmp_path / "go").touch()
    wait_until(lambda: not (tmp_path / "pid").exists())


@pytest.mark.slow
def test_interrupt_waits_until_the_container_is_stopped(tmp_path: Path, watching: subprocess.Popen[str]) -> None:
    watching.send_signal(signal.SIGINT)
    wait_until((tmp_path / "stopping").exists)
    time.sleep(1.5)  # longer than unwinding may take
    (tmp_path / "go").touch()
    _, said = watching.communicate(timeout=PATIENCE)
    assert (tmp_path / "log").read_text() == "run shop:1\nstopped\n"
    assert watching.returncode == 130
    assert said.endswith("grocker: interrupted; finished work is kept\n")


@pytest.mark.slow
def test_second_interrupt_does_not_wait_for_the_engine(tmp_path: Path, watching: subprocess.Popen[str]) -> None:
    watching.send_signal(signal.SIGINT)
    wait_until((tmp_path / "stopping").exists)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(PATIENCE) == 130
    assert (tmp_path / "pid").exists()
