"""The lock: one digest wherever it is used, and a refusal that says what changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.build.conftest import Anywhere, anywhere, home_of, shared_cache  # noqa: F401 - fixtures

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.root]
Home = Callable[[int | None], Path]


@pytest.fixture(scope="module")
def project(anywhere: Anywhere, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """examples/polls with a lock for two platforms."""
    home = tmp_path_factory.mktemp("locking")
    project = home / "polls"
    shutil.copytree(anywhere.polls, project)
    done = anywhere.grocker(
        *("lock", ".", "--platform", "linux/amd64", "--platform", "linux/arm64"),
        environment=anywhere.environment(home),
        directory=project,
    )
    assert done.returncode == 0, done.stderr
    return project


def test_lock_gives_one_digest_on_two_hosts(anywhere: Anywhere, home_of: Home, project: Path) -> None:  # noqa: F811
    """One that has built before, and one that has nothing."""
    digests = set()
    for uid, kept in ((None, shared_cache()), (4321, {})):
        home = home_of(uid)
        copy = home / "copy"
        shutil.copytree(project, copy)
        built = anywhere.build(
            copy, "--locked", "-o", "store", environment=anywhere.environment(home, **kept), uid=uid, directory=home
        )
        digests.add(built["digest"])
    assert len(digests) == 1


def test_lock_names_no_address_and_shares_what_platforms_have_in_common(project: Path) -> None:
    text = (project / "grocker.lock").read_text()
    assert "://" not in text
    assert text.count('name = "django"') == 1
    assert text.count('name = "bash"') == 2
    assert text.count('name = "tzdata"') == 1


def add_dependency(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace('"getconf>=1.11",', '"getconf>=1.11", "cowsay",'))


def add_package(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text() + '\n[tool.grocker]\ndependencies = ["hello"]\n')


def change_back_end(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace("uv_build>=0.9", "uv_build>=0.9.1"))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (add_dependency, "requirements"),
        (add_package, "debian"),
        (change_back_end, "[build-system] in pyproject.toml"),
    ],
)
def test_locked_refuses_and_says_which_input_when_one_changed(
    anywhere: Anywhere,  # noqa: F811
    project: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    word: str,
) -> None:
    copy = tmp_path / "polls"
    shutil.copytree(project, copy)
    change(copy)
    environment = anywhere.environment(project.parent)
    done = anywhere.grocker("build", ".", "--locked", "-o", "store", environment=environment, directory=copy)
    assert done.returncode == 78
    assert done.stderr.splitlines()[-2:] == [
        f"error: grocker.lock is stale: {word} changed since it was written",
        f"hint: recreate it: grocker lock{'' if change is change_back_end else '; or build without --locked'}",
    ]


def test_locked_file_that_left_the_archive_is_named_with_remedies(
    anywhere: Anywhere,  # noqa: F811
    home_of: Home,  # noqa: F811
    project: Path,
) -> None:
    home = home_of(None)
    copy = home / "polls"
    shutil.copytree(project, copy)
    lock = copy / "grocker.lock"
    lock.write_text(lock.read_text().replace("/bash_", "/bash_gone_"))
    done = anywhere.grocker(
        "build", ".", "--locked", "-o", "store", environment=anywhere.environment(home), directory=copy
    )
    assert done.returncode == 69, done.stderr
    assert "bash" in done.stderr
    assert "grocker lock --upgrade" in done.stderr


def test_upgrade_keeps_the_rest_when_one_name_is_given(anywhere: Anywhere, project: Path, tmp_path: Path) -> None:  # noqa: F811
    copy = tmp_path / "polls"
    shutil.copytree(project, copy)
    lock = copy / "grocker.lock"
    before = lock.read_text()
    environment = anywhere.environment(project.parent)
    done = anywhere.grocker("lock", ".", "--upgrade", "django", environment=environment, directory=copy)
    assert (done.returncode, lock.read_text()) == (0, before), done.stderr
    unknown = anywhere.grocker("lock", ".", "--upgrade", "nothing-of-it", environment=environment, directory=copy)
    assert unknown.returncode == 64
    assert "nothing-of-it" in unknown.stderr


def test_plan_says_what_it_would_do_without_doing_it(anywhere: Anywhere, project: Path, home_of: Home) -> None:  # noqa: F811
    home = home_of(None)
    done = anywhere.grocker("plan", str(project), "--json", environment=anywhere.environment(home), directory=home)
    plan = json.loads(done.stdout)["platforms"][0]
    assert [layer["name"] for layer in plan["layers"]][:3] == ["debian", "generated", "runner"]
    assert {layer["run"] for layer in plan["layers"]} == {True}
    assert {layer["why"] for layer in plan["layers"]} == {"never built here"}
    assert not list((home / "cache" / "v1" / "members").iterdir())
