"""The first phase: everything that an image consists of, locked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import CorruptError, SettingsError
from grocker.lock.answers import DebianAnswer
from grocker.platforms.target import Target
from grocker.progress import Silent
from grocker.resolve.resolve import resolve
from grocker.resolve.suites import UnfitPythonError
from tests.support.phases import opened_world, request, resolved
from tests.support.wheels import make_project, make_wheel
from tests.support.world import World


class Heard:
    """Keeps what is announced."""

    def __init__(self) -> None:
        self.facts: list[str] = []

    def backend_started(self) -> None:
        self.facts.append("back end")

    def debian_resolved(self, image: DebianAnswer, compiling: Target) -> None:
        self.facts.append(f"packages {len(image.packages) > 1}")

    def interpreter_resolved(self, packages: DebianAnswer, compiling: Target) -> None:
        self.facts.append(f"interpreter {compiling.platform}")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Context]]:
    with opened_world(tmp_path / "world", monkeypatch) as both:
        yield both


def test_resolution_has_packages_wheels_and_the_application(opened: tuple[World, Context]) -> None:
    made, context = opened
    made.require("alpha>=1")
    make_wheel(made.index.directory, "alpha", files={"alpha/__init__.py": ""}, requires=["beta"])
    make_wheel(made.index.directory, "beta", files={"beta/__init__.py": ""})
    [one] = resolved(context, request(made, made.wheel))
    assert one.application.installed.name == "demo"
    assert [file.name for file in one.wheels.files] == ["alpha", "beta"]
    assert {"python3", "libc6"} <= {package.name for package in one.packages.packages}
    assert one.compiling is one.packages
    locked = one.lock.of("linux/amd64")
    assert locked is not None
    assert (locked.debian, locked.python) == (tuple(sorted(one.packages.packages)), one.wheels.files)


def test_facts_are_announced_when_they_are_known(opened: tuple[World, Context]) -> None:
    made, context = opened
    heard = Heard()
    resolved(context, request(made, made.wheel), subscriber=heard)
    assert heard.facts == ["packages True", "interpreter linux/amd64"]


def test_lock_answers_without_archive_and_index_when_it_fits(opened: tuple[World, Context]) -> None:
    made, context = opened
    wanted = request(made, made.wheel)
    [first] = resolved(context, wanted)
    heard = Heard()
    nowhere = replace(context, environ={**context.environ, "GROCKER_DEBIAN_MIRROR": "http://127.0.0.1:9"})
    [again] = resolved(nowhere, replace(wanted, lock=first.lock, locked=True, refresh=True), subscriber=heard)
    assert again.lock == first.lock
    assert heard.facts == ["packages True", "interpreter linux/amd64"]


def test_missing_lock_is_refused_when_the_request_insists(opened: tuple[World, Context]) -> None:
    made, context = opened
    with pytest.raises(SettingsError) as caught:
        resolved(context, replace(request(made, made.wheel), locked=True))
    assert caught.value.hint == "create one: grocker lock"


def test_stale_lock_is_refused_when_the_request_insists(opened: tuple[World, Context]) -> None:
    made, context = opened
    wanted = request(made, made.wheel)
    [first] = resolved(context, wanted)
    stale = replace(first.lock, inputs={**first.lock.inputs, "requirements": "sha256:other"})
    with pytest.raises(SettingsError, match=r"grocker\.lock is stale: requirements changed"):
        resolved(context, replace(wanted, lock=stale, locked=True))


def test_lock_that_is_not_read_stops_the_build_unless_it_is_ignored(opened: tuple[World, Context]) -> None:
    made, context = opened
    make_wheel(made.index.directory, "dep", "1.0")
    make_wheel(made.index.directory, "dep", "2.0")
    make_project(made.project, metadata="Requires-Dist: dep\n")
    (made.project / "pixi.lock").touch()
    with pytest.raises(SettingsError, match="pixi.lock pins versions"):
        resolved(context, request(made, made.project))
    [resolution] = resolved(context, replace(request(made, made.project), ignore_lock=True))
    assert [(f.name, f.version) for f in resolution.wheels.files] == [("dep", "2.0")]
    assert resolution.versions == "the index"


def test_pins_beside_a_package_decide_its_versions_and_make_its_lock_stale(opened: tuple[World, Context]) -> None:
    made, context = opened
    for name in ("dep", "below", "other"):
        for version in ("1.0", "2.0"):
            requires = ["below"] if name == "dep" else []
            make_wheel(made.index.directory, name, version, requires=requires)
    make_project(made.project, metadata="Requires-Dist: dep\n")
    pins = made.project / "requirements.txt"
    pins.write_text("dep==1.0\nbelow==1.0\nother==1.0\n-e .\n")
    [first] = resolved(context, request(made, made.project))
    assert [(f.name, f.version) for f in first.wheels.files] == [("below", "1.0"), ("dep", "1.0")]
    assert first.versions == "the index, by requirements.txt"
    [newest] = resolved(context, replace(request(made, made.project), ignore_lock=True))
    assert [(f.name, f.version) for f in newest.wheels.files] == [("below", "2.0"), ("dep", "2.0")]
    pins.write_text("dep==2.0\n")
    with pytest.raises(SettingsError, match=r"grocker\.lock is stale: requirement files changed"):
        resolved(context, replace(request(made, made.project), lock=first.lock, locked=True))


def test_hash_beside_a_package_is_checked(opened: tuple[World, Context]) -> None:
    made, context = opened
    make_wheel(made.index.directory, "dep", "1.0", requires=["below"])
    make_wheel(made.index.directory, "below", "1.0")
    make_project(made.project, metadata="Requires-Dist: dep\n")
    (made.project / "requirements.txt").write_text(f"dep==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(CorruptError, match="sha256 that is not in the requirement files"):
        resolved(context, request(made, made.project))


def test_lock_of_grocker_is_used_whatever_other_locks_there_are(opened: tuple[World, Context]) -> None:
    made, context = opened
    make_wheel(made.index.directory, "dep", "1.0")
    make_project(made.project, metadata="Requires-Dist: dep\n")
    [first] = resolved(context, request(made, made.project))
    make_wheel(made.index.directory, "dep", "2.0")
    (made.project / "pixi.lock").touch()
    [second] = resolved(context, replace(request(made, made.project), lock=first.lock, locked=True))
    assert [(f.name, f.version) for f in second.wheels.files] == [("dep", "1.0")]
    assert second.versions == "grocker.lock"


def test_lost_module_refuses_the_python_or_is_noted_when_something_asks_for_it(opened: tuple[World, Context]) -> None:
    made, context = opened
    source = make_wheel(made.place / "own", "shop", files={"shop/__init__.py": "import cgi\n"})
    wanted = request(made, source)
    [one] = resolved(context, replace(wanted, suite="trixie"))
    problems = [lost.problem for lost in one.removed]
    assert problems == ["shop/__init__.py imports cgi, which Python 3.13 no longer has"]
    with pytest.raises(UnfitPythonError, match=problems[0]):
        resolve(context, wanted, Settings(), one.target, one.uv, Heard(), refuses_removed=True)


def test_lost_module_of_a_wheel_refuses_the_python_or_is_noted(
    opened: tuple[World, Context],
) -> None:
    made, context = opened
    make_wheel(made.index.directory, "old", files={"old.py": "import imp\n"})
    source = make_wheel(made.place / "own", "shop", files={"shop/__init__.py": "import old\n"}, requires=["old"])
    wanted = request(made, source)
    [one] = resolved(context, replace(wanted, suite="trixie"))
    assert one.removed == ()
    problem = "old.py of old 1.0 imports imp, which Python 3.13 no longer has"
    with pytest.raises(UnfitPythonError, match=problem):
        resolve(context, wanted, Settings(), one.target, one.uv, Heard(), refuses_removed=True)
    assert [lost.problem for lost in one.removed_by_wheels(context)] == [problem]


def test_undeclared_module_is_added_and_told(opened: tuple[World, Context]) -> None:
    """The application requires an old wheel, which takes setuptools for granted."""
    made, context = opened
    make_wheel(made.index.directory, "setuptools", "81.0.0", files={"pkg_resources/__init__.py": ""})
    make_wheel(made.index.directory, "setuptools", "84.0.0", files={"setuptools/__init__.py": ""})
    make_wheel(made.index.directory, "old", files={"old.py": "import pkg_resources\n"})
    source = make_wheel(made.place / "own", "shop", files={"shop/__init__.py": "import old\n"}, requires=["old"])
    told = Silent()
    [one] = resolved(replace(context, progress=told), request(made, source))
    assert [(file.name, file.version) for file in one.wheels.files] == [("old", "1.0"), ("setuptools", "81.0.0")]
    assert (one.removed, one.removed_by_wheels(context)) == ((), ())
    problem = "old.py of old 1.0 imports pkg_resources, which only setuptools<82 provides"
    hint = "require setuptools<82 yourself to hide this warning"
    assert told.warnings == [(f"{problem}; it was added, because nothing requires it", hint)]


@pytest.mark.parametrize("suite", [None, "trixie"])
def test_undeclared_module_is_told_when_the_project_wants_a_version_without_it(
    opened: tuple[World, Context], suite: str | None
) -> None:
    made, context = opened
    make_wheel(made.index.directory, "setuptools", "81.0.0", files={"pkg_resources/__init__.py": ""})
    make_wheel(made.index.directory, "setuptools", "84.0.0", files={"setuptools/__init__.py": ""})
    files, requires = {"shop/__init__.py": "import pkg_resources\n"}, ["setuptools>=82"]
    source = make_wheel(made.place / "own", "shop", files=files, requires=requires)
    [one] = resolved(context, replace(request(made, source), suite=suite))
    assert [file.version for file in one.wheels.files] == ["84.0.0"]
    assert [lost.problem for lost in (*one.removed, *one.removed_by_wheels(context))] == [
        "shop/__init__.py imports pkg_resources, which only setuptools<82 provides"
    ]
