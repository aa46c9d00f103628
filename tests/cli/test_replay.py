"""The quick way: when it may be taken, and what it costs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker import digest
from grocker.builder.result import Built, BuiltImage
from grocker.cli import replay
from grocker.images import Delivered
from grocker.images.engine import evidence
from grocker.images.file_evidence import of_file
from grocker.oci import Platform, RunConfig, image, layer, reference
from grocker.store import Store
from tests.support import engine as engines
from tests.support.counting import count

ARGUMENTS = ["build", "--output", "oci:layout"]
_MOST_MODULES = 45
"""modules beyond those of bare Python; 31 when this was written. ``tests/costs`` has the exact number"""
_MOST_FILES = 3
"""files of the project, the store or the host that are opened: the record, and what Python's own modules open"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that was last changed an hour ago, in the working directory."""
    directory = tmp_path / "project"
    (directory / "src").mkdir(parents=True)
    (directory / "layout").mkdir()
    for name in ("pyproject.toml", "src/app.py", "layout/index.json"):
        (directory / name).write_text("x")
    hour_ago = time.time() - 3600
    for path in (*directory.rglob("*"), directory):
        os.utime(path, (hour_ago, hour_ago))
    monkeypatch.chdir(directory)
    return directory


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(tmp_path), "GROCKER_CACHE": str(tmp_path / "cache"), **more}


def built(project: Path) -> Built:
    one = digest.of(b"layer")
    made = image(
        [layer(digest=one, size=5, diff_id=one, title="application")],
        platform=Platform("linux", "amd64"),
        run=RunConfig(),
        created=0,
    )
    return Built(
        images=(BuiltImage(made, (), ()),),
        names=(reference.parse("app:1"),),
        services=(),
        commands=(),
        delivered=(Delivered("oci", "layout", 5, "wrote", evidence=(of_file("oci", "layout/index.json"),)),),
        files=tuple(str(project / name) for name in ("", "src", "pyproject.toml", "src/app.py")),
    )


def remember(project: Path, environ: Mapping[str, str], arguments: list[str] = ARGUMENTS, ago: float = 0) -> None:
    now = time.time() + 10 - ago  # files of a test are new by their ctime, which nobody can set
    with Store.open(Path(environ["GROCKER_CACHE"])) as store:
        replay.remember(
            store, arguments, environ, built(project), stderr="again\n", stdout="app@1\n", began=now, finished=now + 1
        )


def test_replay_prints_the_result_again_when_nothing_changed(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = environment(tmp_path)
    remember(project, environ)
    assert replay.replay(ARGUMENTS, environ) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("app@1\n", "again\n")


def touch_source(project: Path) -> None:
    (project / "src" / "app.py").write_text("y")


def set_back(project: Path) -> None:
    """A change of the same size that hides its time."""
    path = project / "src" / "app.py"
    before = path.stat()
    path.write_text("y")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def exchange(project: Path) -> None:
    """Another file of the same size and time."""
    path = project / "src" / "app.py"
    before = path.stat()
    other = project.parent / "other"
    other.write_text("y")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    directory = path.parent.stat()
    other.rename(path)
    os.utime(path.parent, ns=(directory.st_atime_ns, directory.st_mtime_ns))


def hide_a_new_file(project: Path) -> None:
    before = (project / "src").stat()
    (project / "src" / "new.py").write_text("")
    os.utime(project / "src", ns=(before.st_atime_ns, before.st_mtime_ns))


def spoil_the_output(project: Path) -> None:
    path = project / "layout" / "index.json"
    before = path.stat()
    path.write_text("y")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def add_file(project: Path) -> None:
    (project / "src" / "new.py").write_text("")


def remove_file(project: Path) -> None:
    (project / "src" / "app.py").unlink()


def change_mode(project: Path) -> None:
    (project / "src" / "app.py").chmod(0o755)


def lose_output(project: Path) -> None:
    (project / "layout" / "index.json").unlink()


@pytest.mark.parametrize(
    "change",
    [
        touch_source,
        set_back,
        exchange,
        hide_a_new_file,
        spoil_the_output,
        add_file,
        remove_file,
        change_mode,
        lose_output,
    ],
)
def test_replay_does_not_know_when_something_changed(project: Path, tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    environ = environment(tmp_path)
    remember(project, environ)
    change(project)
    assert replay.replay(ARGUMENTS, environ) is None


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["build", "--output", "oci:other"], {}),
        ([*ARGUMENTS, "--push"], {}),
        ([*ARGUMENTS, "--refresh"], {}),
        (["version"], {}),
        ([], {}),
        (ARGUMENTS, {"SOURCE_DATE_EPOCH": "1"}),
        (ARGUMENTS, {"GROCKER_DEBIAN_MIRROR": "http://127.0.0.1:1"}),
        (ARGUMENTS, {"UV_DEFAULT_INDEX": "http://127.0.0.1:1"}),
    ],
)
def test_replay_does_not_know_when_something_else_is_asked(
    project: Path, tmp_path: Path, arguments: list[str], more: dict[str, str]
) -> None:
    environ = environment(tmp_path)
    remember(project, environ)
    assert replay.replay(arguments, {**environ, **more}) is None


def test_replay_does_not_know_when_the_result_file_is_gone(project: Path, tmp_path: Path) -> None:
    environ = environment(tmp_path)
    result = tmp_path / "result.json"
    result.write_text("{}")
    now = time.time() + 10
    with Store.open(Path(environ["GROCKER_CACHE"])) as store:
        replay.remember(
            store,
            ARGUMENTS,
            environ,
            built(project),
            stderr="",
            stdout="",
            written=[str(result)],
            began=now,
            finished=now + 1,
        )
    assert replay.replay(ARGUMENTS, environ) == 0
    result.unlink()
    assert replay.replay(ARGUMENTS, environ) is None


@pytest.mark.parametrize("lost", [None, "polls:1.0", "polls:2.0"])
def test_replay_asks_docker_for_every_name_of_the_image(project: Path, lost: str | None) -> None:
    with tempfile.TemporaryDirectory() as directory, engines.running(Path(directory)) as engine:
        environ = environment(Path(directory), DOCKER_HOST=engine.address)
        one = built(project)
        image = one.images[0].image
        engine.images[image.config.digest] = {"rootfs": {"diff_ids": []}}
        engine.tags = {"polls:1.0": image.config.digest, "polls:2.0": image.config.digest}
        identities = (image.config.digest, image.digest)
        delivered = Delivered(
            "docker", "polls:1.0", 1, "", evidence=tuple(evidence(n, identities) for n in engine.tags)
        )
        now = time.time() + 10
        with Store.open(Path(environ["GROCKER_CACHE"])) as store:
            replay.remember(
                store,
                ARGUMENTS,
                environ,
                replace(one, delivered=(delivered,)),
                stderr="",
                stdout="",
                began=now,
                finished=now + 1,
            )
        if lost is not None:
            del engine.tags[lost]
        assert replay.replay(ARGUMENTS, environ) == (0 if lost is None else None)


def test_replay_does_not_know_when_a_day_has_passed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = environment(tmp_path)
    remember(project, environ)
    later = time.time() + replay.DAY + 20
    monkeypatch.setattr(time, "time", lambda: later)
    assert replay.replay(ARGUMENTS, environ) is None


def test_replay_does_not_know_when_the_record_is_damaged(project: Path, tmp_path: Path) -> None:
    environ = environment(tmp_path)
    remember(project, environ)
    record = tmp_path / "cache" / "v1" / "steps" / replay.key(ARGUMENTS, environ)
    record.write_bytes(record.read_bytes()[:50])
    assert replay.replay(ARGUMENTS, environ) is None


def test_remember_keeps_nothing_when_a_file_is_too_young(project: Path, tmp_path: Path) -> None:
    environ = environment(tmp_path)
    touch_source(project)
    remember(project, environ, ago=10)
    assert replay.replay(ARGUMENTS, environ) is None


def test_build_in_which_nothing_changed_imports_and_opens_next_to_nothing(project: Path, tmp_path: Path) -> None:
    environ = environment(tmp_path)
    remember(project, environ)
    counted = count(tmp_path / "report", "grocker.cli.main", ARGUMENTS, environ, project)
    assert counted.stdout == "app@1\n"
    assert counted.started == ()
    heavy = {
        "click",
        "rich",
        "msgspec",
        "httptools",
        "http",
        "ssl",
        "email",
        "typing",
        "dataclasses",
        "pathlib",
        "grocker.errors",
    }
    assert heavy.isdisjoint(counted.modules)
    assert len(counted.modules) <= _MOST_MODULES, counted.modules
    files = [path for path in counted.opened if not path.endswith((".pyc", ".py", ".so")) and "__pycache__" not in path]
    assert len(files) <= _MOST_FILES, files


@pytest.mark.parametrize("written", ["grocker-9.dist-info/RECORD", "grocker/cli/build.py"])
def test_key_is_another_when_grocker_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    package = tmp_path / "grocker" / "cli"
    package.mkdir(parents=True)
    monkeypatch.setattr(replay, "__file__", str(package / "replay.py"))
    monkeypatch.setattr(replay, "__version__", "9")
    file = tmp_path / written
    file.parent.mkdir(exist_ok=True)
    keys = set()
    for text in ("one", "another"):
        file.write_text(text)
        keys.add(replay.key(["build"], {}))
    assert len(keys) == 2
