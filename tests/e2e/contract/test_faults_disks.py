"""Items 17 and 18: file systems that are full, read-only, stale or not there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Done, Engine, reachable
from tests.e2e.contract.lab import INSIDE


@pytest.mark.fault(number=17)
@pytest.mark.fault(number=18)
def test_fault_17_media_and_scripts_may_be_full_and_tmp_not_be_absent(docker: Engine) -> None:
    small = []
    for place in ("/media", "/scripts"):
        small += ["--mount", f"type=tmpfs,destination={place},tmpfs-size=1m,tmpfs-mode=1777"]
    fill = (
        "printf '#!/bin/sh\\necho ran; echo x > out || exit 7\\n' > /scripts/hello;"
        "for place in /media /scripts; do cat /dev/zero > $place/ballast; done 2>/dev/null; df /media /scripts"
    )
    with docker.started("infinity", options=[*small, "--entrypoint", "sleep"]) as container:
        assert container.exec("sh", "-c", fill).out.count("100%") == 2
        done = container.run("hello")
        assert (done.status, done.out, done.complaints) == (7, "ran\n", []), "what the script makes of it is its own"
        assert container.run("sh", "-c", "cat $GROCKER_CONFIG_FILE | wc -l").out != "0\n"
        container.exec("rm", "-r", "/tmp", options=["--user", "0"])
        _is_73(container.run("true"))


@pytest.mark.fault(number=17)
def test_fault_17_media_and_scripts_may_be_read_only(docker: Engine, tmp_path: Path) -> None:
    folder = reachable(tmp_path) / "scripts"
    folder.mkdir()
    (folder / "hello").write_text("#!/bin/sh\necho ran\n")
    options = [word for place in ("/media", "/scripts") for word in ("--volume", f"{folder}:{place}:ro")]
    done = docker.run("hello", options=options)
    assert (done.status, done.out, len(done.complaints)) == (0, "ran\n", 1)
    assert "/scripts: not writable for uid 1000" in done.err


@pytest.fixture
def stale(tmp_path: Path) -> Iterator[Path]:
    """A directory that is stale as long as ``.fresh`` is not beside it."""
    place = reachable(tmp_path) / "stale"
    place.mkdir()
    Path(f"{place}.fresh").touch()
    line = [sys.executable, str(INSIDE / "stale.py"), str(place)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "mounted\n"
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)
            server.kill()


@pytest.mark.fault(number=17)
@pytest.mark.root
def test_fault_17_folders_may_be_stale(docker: Engine, stale: Path) -> None:
    """As of an NFS server that has forgotten them: whatever is asked is answered ESTALE."""
    options = ["--volume", f"{stale}:/media", "--volume", f"{stale}:/scripts", "--workdir", "/"]

    def run(*arguments: str) -> Done:
        return container.run(*arguments, options=["--workdir", "/"])

    with docker.started("infinity", options=[*options, "--entrypoint", "sleep"]) as container:
        assert run("echo", "fresh").err == ""
        Path(f"{stale}.fresh").unlink()
        done = run("echo", "x")
        assert (done.status, done.out, len(done.complaints)) == (0, "x\n", 1), done
        assert "/scripts: Stale file handle" in done.err
        assert run("/scripts/x").status == 126
        # A link to a stale directory is as good as one.
        container.exec("ln", "-s", "/scripts/app", "/config/app", options=["--user", "0"])
        for arguments in (("echo", "x"), ("start", "www"), ("cron",)):
            done = run(*arguments)
            assert (done.status, done.out, len(done.err.splitlines())) == (78, "", 1), done
            assert "/config/app: cannot be listed by uid 1000: Stale file handle" in done.err


@pytest.mark.fault(number=18)
def test_fault_18_tmp_that_is_full_is_73(docker: Engine) -> None:
    with docker.started(
        "infinity", options=["--tmpfs", "/tmp:size=1m,mode=1777", "--entrypoint", "sleep"]
    ) as container:
        container.exec("sh", "-c", "cat /dev/zero > /tmp/ballast")
        _is_73(container.run("true"))
        _is_73(container.run("start", "www"))
        container.exec("sh", "-c", "rm /tmp/ballast")
        assert container.run("true").status == 0


def _is_73(done: Done) -> None:
    assert (done.status, done.out, len(done.complaints)) == (73, "", 1), done
    assert "--tmpfs /tmp" in done.err
