"""The contract's text in the hands of an ordinary user: ``grocker build``, ``grocker run`` and podman, without root."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.build.conftest import Anywhere, usable_python
from tests.e2e.contract import test_document as document
from tests.e2e.contract.engine import Engine, Folders
from tests.e2e.rootless.conftest import Person
from tests.support.patience import PATIENCE
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.network,
    pytest.mark.podman,
    pytest.mark.root,
    pytest.mark.rootless,
    pytest.mark.xdist_group("rootless"),  # one person
    pytest.mark.long(70),
]


def test_build_delivers_to_the_users_own_podman(engine: Engine, person: Person) -> None:
    assert engine.check("info", "--format", "{{.Host.Security.Rootless}}") == "true"
    assert engine.check("info", "--format", "{{.Store.GraphRoot}}").startswith(f"{person.home}/")
    assert engine.check("image", "inspect", "--format", "{{.User}}", engine.image) == "1000:0"


@pytest.mark.fault(number=28)
def test_document_works_as_written(
    engine: Engine, theirs: Folders, mounts: list[str], log: document.HostLog, person: Person
) -> None:
    (theirs.config / "crontab").touch()
    person.own(theirs.root)
    document.follow(document.POLLS_SITE, engine, theirs, mounts, log)
    assert _owners(theirs.media) == _owners(theirs.scripts) == {person.uid}
    assert any(theirs.media.iterdir())


def test_document_opens_a_shell(engine: Engine, mounts: list[str]) -> None:
    document.test_document_opens_a_shell(engine, mounts)


def test_V3_names_the_option_that_a_rootless_engine_needs(engine: Engine, theirs: Folders) -> None:
    scripts = ["--volume", f"{theirs.scripts}:/scripts"]
    done = engine.run("true", options=["--userns=host", *scripts])  # the last one counts: as without any
    assert done.status == 0, done.err
    assert "uid 1000" in done.err and "--userns=keep-id:uid=1000" in done.err
    outside = done.err.partition("sudo chown -R ")[2].split()[0]
    assert int(outside) >= 65536, "a subordinate id"


def test_run_does_the_same_in_one_command(anywhere: Anywhere, theirs: Folders, person: Person, engine: Engine) -> None:
    def grocker_run(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*person.launcher, usable_python(), "-m", "grocker", "run", "--engine", "podman", *arguments],
            env=anywhere.environment(person.home, **person.environment),
            cwd=theirs.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    with grocker_run(str(anywhere.polls), "django-admin.py", "migrate") as migrating:
        said = migrating.communicate(timeout=PATIENCE)[0]
    assert migrating.returncode == 0, said
    assert "+ podman run --rm -i --userns=keep-id:uid=1000 -v " in said
    assert "Applying polls.0001_initial" in said

    with grocker_run(engine.image, "add_question", "Tea or coffee?", "Tea", "Coffee") as script:
        said = script.communicate(timeout=PATIENCE)[0]
    assert script.returncode == 0, said

    port, supervision = free_port(), free_port()
    ports = ["--port", str(port), "--supervision", str(supervision)]
    with grocker_run(*ports, engine.image, "start", "www") as service:
        try:
            assert "Tea or coffee?" in document._get(f"http://127.0.0.1:{port}/")
        finally:
            service.terminate()
            said = service.communicate(timeout=PATIENCE)[0]
        assert service.returncode == 0, said
    assert _owners(theirs.media) == _owners(theirs.scripts) == {person.uid}


def _owners(directory: Path) -> set[int]:
    return {path.stat().st_uid for path in (directory, *directory.rglob("*"))}
