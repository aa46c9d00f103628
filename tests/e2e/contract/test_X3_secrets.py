"""X3: secrets of a build are not in the image, those of an operator nowhere that others look."""

from __future__ import annotations

import gzip
import time
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Container, Engine, Folders, variables
from tests.support.patience import PATIENCE
from tests.support.wheels import make_wheel
from tests.support.world import world

SECRET = "hunter2"


def _get(container: Container, port: int, path: str, token: str = "") -> str:
    request = urllib.request.Request(f"http://{container.address()}:{port}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return str(answer.headers) + str(answer.read().decode())
        except OSError:
            assert time.monotonic() < limit, container.logs()
            time.sleep(0.05)


def _command_lines(container: Container) -> str:
    return container.exec("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").out


@pytest.fixture
def options(folders: Folders) -> list[str]:
    secrets = folders.root / "secrets"
    secrets.mkdir()
    folders.ssh.mkdir()
    (folders.app / "90_x.ini").write_text(
        f"[django]\nsecret_key = {SECRET}-key\n[db]\npassword = {SECRET}-ini\nurl = x://app:{SECRET}-url@db/x\n"
    )
    (folders.config / "crontab").write_text(f"PGPASSWORD={SECRET}-crontab\n# grocker: name=job\n@reboot exit 3\n")
    (folders.ssh / "id_rsa").write_text(f"{SECRET}-ssh\n")
    (secrets / "db").write_text(f"{SECRET}-file\n")
    (secrets / "status").write_text(f"{SECRET}-token\n")
    for path in folders.root.rglob("*"):
        path.chmod(0o777 if path in (folders.media, folders.scripts) else 0o755 if path.is_dir() else 0o644)
    given = {
        "POLLS_SITE_DB_PASSWORD": f"{SECRET}-variable",
        "DATABASE_URL": f"postgres://app:{SECRET}-given@db/x",
        "DB_PASSWORD_FILE": "/run/secrets/db",
        "GROCKER_STATUS_TOKEN_FILE": "/run/secrets/status",
    }
    return [*folders.options, "--volume", f"{secrets}:/run/secrets:ro", *variables(given)]


def test_X3_secrets_are_the_applications_alone(engine: Engine, folders: Folders, options: list[str]) -> None:
    with engine.started("start", "www", options=options) as container:
        seen = [_get(container, 8081, "/readyz?verbose")]
        seen += [_get(container, 8081, path) for path in ("/", "/metrics", "/status.json", "/livez?verbose")]
        seen += [_get(container, 8081, path, f"{SECRET}-token") for path in ("/", "/status.json")]
        seen += [_get(container, 8080, "/healthz"), _command_lines(container)]
        told = container.exec("grocker-runner", "config", "--explain")
        seen += [told.out, told.err, container.exec("grocker-runner", "--help").out]
        used = container.exec(
            "grocker-runner", "exec", "sh", "-c", "cat $DB_PASSWORD_FILE; echo $POLLS_SITE_DB_PASSWORD"
        )
        assert used.out == f"{SECRET}-file\n{SECRET}-variable\n"
        assert container.stop() == 0
        assert SECRET not in "".join(seen) + container.logs()
    with engine.started("cron", options=options) as container:
        container.wait_for("failed: status 3")
        seen = [_get(container, 8081, path) for path in ("/", "/metrics", "/status.json")]
        seen += [_command_lines(container)]
        assert container.stop() == 0
        assert SECRET not in "".join(seen) + container.logs()
    (folders.app / "91_bad.ini").write_text(f"[x]\n{SECRET}\n")
    done = engine.run("true", options=options)
    assert (done.status, SECRET in done.err) == (78, False)


def test_X3_image_has_no_secret_of_its_build(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        make_wheel(made.index.directory, "lib", "2.0")
        made.require("lib")
        made.index.password = f"{SECRET}-index"
        home = made.place / "home"
        home.mkdir(exist_ok=True)
        (home / ".netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}-netrc\n")
        (made.place / ".env").write_text(f"TOKEN={SECRET}-env\n")
        made.environ |= {
            "UV_DEFAULT_INDEX": made.index.url.replace("//", f"//user:{SECRET}-index@"),
            "CI_JOB_TOKEN": f"{SECRET}-ci",
        }
        made.allowed = ("out",)
        outcome = made.run(["build", "WHEEL", "--config", "CONFIG", "--output", "oci:OUT"])
        assert outcome.status == 0, outcome.stderr
        assert SECRET not in outcome.stdout + outcome.stderr
        blobs = [path.read_bytes() for path in made.out.rglob("*") if path.is_file()]
        assert len(blobs) > 5
        opened = [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in blobs]
        assert any(b"lib-2.0.dist-info" in data for data in opened), "it was fetched with the password"
        assert [data for data in opened if SECRET.encode() in data] == []
        kept = [path for path in made.cache.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
        assert kept == [], "nor in the cache"
