"""What is proved at length under docker, once more in short under podman: many clauses in few containers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.e2e.contract import test_X1_front as front
from tests.e2e.contract.engine import Container, Engine, Folders, variables
from tests.e2e.contract.image import load
from tests.e2e.contract.test_K_cron import Clock, needs_faketime

pytestmark = pytest.mark.podman

_READ = (
    "import sys; from getconf import ConfigGetter; getter = ConfigGetter('polls_site');"
    "print(*[getter.getstr(key, '(none)') for key in sys.argv[1:]], sep='|')"
)


@pytest.fixture
def podman() -> Engine:
    return load("podman")


@pytest.fixture
def container(podman: Engine, folders: Folders) -> Iterator[Container]:
    """One that stays; each call is a start as any other, but not as PID 1."""
    with podman.started("infinity", options=[*folders.options, "--entrypoint", "sleep"]) as started:
        yield started


@pytest.mark.clause("C2", "C3", "C5", "V1", "E7", "X4", "X5")
def test_C1_configuration_is_the_same_under_podman(container: Container, folders: Folders) -> None:
    data = folders.app / "..data"
    data.mkdir()
    (data / "90_x.ini").write_text("[polls]\ntitle = 90\nmotto = 90\n[x]\na = %(b)s\n")
    (folders.app / "90_x.ini").symlink_to("..data/90_x.ini")
    for name, title in {"100_y.ini": "100", "10_low.ini": "10", "5_z.ini": "5"}.items():
        (folders.app / name).write_text(f"[polls]\ntitle = {title}\n[django]\nmedia_root = {title}\n")
    (folders.app / "100_y.ini").write_text("[polls]\ntitle = 100\n")
    (folders.app / "notes.bak").write_text("[polls]\ntitle = bak\n")
    before = sorted(str(path) for path in folders.config.rglob("*"))
    keys = ("polls.title", "polls.motto", "x.a", "django.media_root", "dev.debug_toolbar")
    done = container.run("python", "-c", _READ, *keys, options=variables({"POLLS_SITE_POLLS_MOTTO": "given"}))
    assert (done.status, done.out) == (0, "100|given|%(b)s|/media|false\n")
    assert [line.rpartition(": ")[2] for line in done.complaints] == ["notes.bak"]
    assert sorted(str(path) for path in folders.config.rglob("*")) == before
    hour = ("date", "-d", "@1767225600", "+%H %Z")
    assert container.run(*hour, options=variables({"TZ": "Europe/Paris"})).out == "01 CET\n"
    unknown = container.run("true", options=variables({"TZ": "Europe/Atlantis"}))
    assert (unknown.status, len(unknown.err.splitlines()), "TZ=Europe/Atlantis" in unknown.err) == (78, 2, True)
    (folders.app / "90_x.ini").unlink()
    (folders.app / "90_x.ini").symlink_to("nothing")
    dangling = container.run("true")
    assert (dangling.status, "/config/app/90_x.ini: a dangling link" in dangling.err) == (78, True)


@pytest.mark.clause("E4", "E6", "E9", "E11", "E12", "X5")
def test_E5_commands_are_the_same_under_podman(container: Container, folders: Folders) -> None:
    folders.script("ls", '#!/bin/bash\necho "$0 $PWD $*"\nexit 3\n')
    folders.script("plain", "#!/usr/bin/env python\nimport sys\nprint(sys.prefix)\n", 0o644)
    folders.script("bad", "#!/bin/sh\r\necho\r\n")
    folders.script("start", "#!/bin/sh\necho script\n")
    script = container.run("ls", "a b", "c")
    assert (script.status, script.out, script.err) == (3, "/scripts/ls /scripts a b c\n", "")
    assert container.run("plain").out == "/opt/venv\n"
    assert container.run("./start", options=["--workdir", "/scripts"]).out == "script\n"
    assert container.run("start").status == 64
    for arguments, status in ((("bad",), 126), (("no-such-command",), 127), (("--what",), 64)):
        done = container.run(*arguments)
        assert (done.status, done.out, len(done.complaints)) == (status, "", 1)
    silent = container.run("true")
    assert (silent.status, silent.out, silent.err) == (0, "", "")
    shell = container.run(stdin="echo $BASH; pwd; exit 4\n")
    assert (shell.status, shell.out) == (4, "/bin/bash\n/scripts\n")
    usage = container.run("--help")
    assert (usage.status, usage.err, "services: www" in usage.out) == (0, "", True)


@pytest.mark.network
@pytest.mark.xdist_group("front")
@pytest.mark.clause("V2")
def test_X1_front_is_the_same_under_podman(podman: Engine, folders: Folders) -> None:
    line = [sys.executable, "-m", "grocker", "build", str(front.PROJECT), "-t", front.IMAGE, "--output", "podman"]
    built = subprocess.run(line, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (folders.media / "secret").write_text("confidential")
    engine = replace(podman, image=front.IMAGE)
    with engine.started("start", "www", options=[*front.CONFINED, *folders.options]) as container:
        www = {"www": front.ready(container)}
        front.test_X1_headers_of_clients_are_dropped_unless_the_peer_is_trusted(www, "www")
        front.test_X1_body_has_no_limit_and_is_not_collected(www)
        style = front.ask(container, "/static/site.css")
        assert (style.status, style.headers["Content-Type"]) == (200, "text/css")
        assert b"confidential" not in front.ask(container, "/media/secret").body
        assert container.stop() == 0


@needs_faketime
def test_K5_summer_time_is_the_same_under_podman(podman: Engine, folders: Folders) -> None:
    crontab = folders.config / "crontab"
    crontab.write_text(
        "@reboot true\n# grocker: name=fixed\n15,45 2 * * * true\n# grocker: name=wild\n* * * * * true\n"
    )
    crontab.chmod(0o644)
    clock = Clock(folders, "2026-03-29T01:59:02+01:00")
    options = [*folders.options, *clock.options, *variables({"TZ": "Europe/Paris"})]
    with podman.started("cron", options=options) as container:
        container.wait_for("succeeded: status 0", 50)
        clock.set("2026-03-29T01:59:57+01:00")
        container.wait_for("fixed[")
        assert container.stop() == 0
        log = container.logs()
        assert len(re.findall(r"^fixed\[\d+\]: started", log, re.MULTILINE)) == 1, log
