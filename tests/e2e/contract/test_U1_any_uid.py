"""U1: a uid that the image has never heard of, confined as far as an operator may: everything works, with a name."""

from __future__ import annotations

import time
import urllib.request

import pytest

from tests.e2e.contract.engine import Container, Engine, Folders
from tests.support.patience import PATIENCE

UID = 12345
CONFINED = [
    *("--user", f"{UID}:0", "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/home/blue"),
    *("--cap-drop=ALL", "--security-opt", "no-new-privileges"),
]

# Each line of what it says is checked.
_WHO = """\
#!/bin/bash
export GIT_AUTHOR_EMAIL=x@example.invalid GIT_COMMITTER_EMAIL=x@example.invalid
id -u; id -un; whoami
python -c 'import getpass, os, pathlib, pwd
print(getpass.getuser(), os.path.expanduser("~"), os.path.expanduser("~blue"), pathlib.Path.home())
print(pwd.getpwuid(os.getuid()).pw_dir, pwd.getpwnam("blue").pw_uid)'
echo ~ ~blue
git init -q /tmp/r && git -C /tmp/r commit -q --allow-empty -m x && git -C /tmp/r log --format=%an
ssh -TG host.invalid | sed -n 's/^user //p'
ssh -TG host.invalid | sed -n 's/^identityfile //p' | tail -1
stat -c '%a %U' ~/.ssh ~/.ssh/id_rsa && cat ~/.ssh/id_rsa
touch ~/a-file /tmp/a-file /media/a-file && echo "$@" | tee result.txt
"""
_KNOWN = [
    *(str(UID), "blue", "blue", "blue /home/blue /home/blue /home/blue", f"/home/blue {UID}", "/home/blue /home/blue"),
    *("blue", "blue", "/home/blue/.ssh/mine", "700 blue", "600 blue", "a key", "one two"),
]


@pytest.fixture
def options(folders: Folders) -> list[str]:
    folders.ssh.mkdir()
    for name, text in {"id_rsa": "a key\n", "config": "IdentityFile /home/blue/.ssh/mine\n"}.items():
        (folders.ssh / name).write_text(text)
        (folders.ssh / name).chmod(0o644)
    (folders.app / "90_x.ini").write_text("[polls]\ntitle = Anybody's polls\n")
    (folders.config / "crontab").write_text("@reboot bash /scripts/who by cron\n0 0 29 2 * true\n")
    folders.script("who", _WHO)
    return [*folders.options, *CONFINED]


def get(container: Container, port: int, path: str, seconds: float = PATIENCE) -> str:
    """The body, once the answer is 200."""
    limit = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://{container.address()}:{port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < limit, container.logs()
            time.sleep(0.05)


@pytest.mark.fault(number=27)
@pytest.mark.clause("P1", "P2", "S1", "E5", "E8", "E13", "H1")
def test_U1_any_uid_runs_a_script_a_migration_and_a_service(
    engine: Engine, folders: Folders, options: list[str]
) -> None:
    done = engine.run("who", "one", "two", options=options)
    assert (done.status, done.err, done.out.splitlines()) == (0, "", _KNOWN)
    assert (folders.scripts / "result.txt").stat().st_uid == UID
    with engine.started("start", "www", options=options) as container:
        assert "ok" in get(container, 8081, "/readyz")
        assert [path.name for path in folders.media.iterdir()] == ["a-file"], "no database: nobody asked to migrate"
        migrated = container.exec("django-admin.py", "migrate")
        assert (migrated.status, migrated.err) == (0, "")
        assert "Anybody's polls" in get(container, 8080, "/").replace("&#x27;", "'")
        assert "ok" in get(container, 8081, "/readyz")
        assert (
            "who am i: blue 12345"
            in container.exec("grocker-runner", "exec", "sh", "-c", "echo who am i: $(id -un) $(id -u)").out
        )
        assert container.stop() == 0


@pytest.mark.fault(number=27)
@pytest.mark.clause("P2", "E3")
def test_U1_any_uid_runs_cron(engine: Engine, folders: Folders, options: list[str]) -> None:
    with engine.started("cron", options=options) as container:
        log = container.wait_for("succeeded: status 0")
        known = [line.partition("]: ")[2] for line in log.splitlines() if line.startswith("line1[")]
        assert known[1 : 1 + len(_KNOWN)] == [*_KNOWN[:-1], "by cron"], log
        assert "ok" in get(container, 8081, "/livez")
        assert container.stop() == 0
