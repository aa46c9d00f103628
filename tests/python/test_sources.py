"""Requirements that no index has, and how they are asked for, as the command line builds them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repositories import commit
from tests.support.wheels import make_project, make_wheel
from tests.support.world import World, world

pytestmark = pytest.mark.slow

PLAN = ("plan", "PROJECT", "--json")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "world") as made:
        made.write({"app.py": "app = 1\n"})
        yield made


def versions(made: World, *more: str) -> dict[str, str]:
    planned = made.run((*PLAN, *more))
    assert planned.status == 0, planned.stderr
    [platform] = json.loads(planned.stdout)["platforms"]
    return {package["name"]: package["version"] for package in platform["python_packages"]}


def test_requirement_file_of_all_kinds_is_locked_and_built_again_on_an_empty_cache(made: World) -> None:
    wheels = made.index.directory
    for version in ("1.0", "2.0"):
        make_wheel(wheels, "plain", version)
    make_wheel(made.project / "vendor", "vendored", requires=["plain"])
    make_project(made.project / "libs" / "near", name="near")
    make_project(made.place / "remote", name="remote")
    first = commit(made.place / "remote", {})
    commit(made.place / "remote", {"remote/__init__.py": "NEW = 1\n"})
    made.write(
        {
            "requirements.txt": "-r more/base.txt  # everything\n./vendor/vendored-1.0-py3-none-any.whl\n"
            f"-e libs/near\ngit+file://{made.place}/remote@{first}\nnosuch ; sys_platform == 'win32'\n",
            "more/base.txt": "-c limits.txt\nplain \\\n  >=1\n",
            "more/limits.txt": "plain<2\n",
        }
    )
    assert versions(made) == {"near": "1.0", "plain": "1.0", "remote": "1.0", "vendored": "1.0"}
    locked = made.run(("lock", "PROJECT"))
    assert locked.status == 0, locked.stderr
    text = (made.project / "grocker.lock").read_text()
    rows = {row["name"]: row for row in tomllib.loads(text)["python"]}
    assert {name: row.get("source", "").replace(str(made.place), "PLACE") for name, row in rows.items()} == {
        "near": "path:libs/near",
        "plain": "",
        "remote": f"git+file://PLACE/remote@{first}",
        "vendored": "path:vendor/vendored-1.0-py3-none-any.whl",
    }
    build = ("build", "PROJECT", "--output", "archive:OUT", "--locked", "--json")
    digests = []
    for away in ("one", "two"):
        done = made.run(build)
        assert done.status == 0, done.stderr
        digests.append(json.loads(done.stdout)["digest"])
        made.out.unlink()
        (made.cache / "v1").rename(made.place / away)
    assert digests[0] == digests[1]
    made.write({"libs/near/near/__init__.py": "CHANGED = 1\n"})
    stale = made.run(build)
    assert (stale.status, "libs/near changed since it was written" in stale.message) == (78, True), stale.stderr


def test_hashes_of_a_requirement_file_are_kept_to(made: World) -> None:
    wheels = made.index.directory
    make_wheel(wheels, "web", requires=["dep"])
    hashes = {
        path.name.partition("-")[0]: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (make_wheel(wheels, "web", requires=["dep"]), make_wheel(wheels, "dep"))
    }
    lines = "".join(f"{name}==1.0 --hash=sha256:{digest}\n" for name, digest in hashes.items())
    made.write({"requirements.txt": lines})
    assert versions(made) == {"dep": "1.0", "web": "1.0"}
    made.write({"requirements.txt": lines.replace(hashes["dep"], "0" * 64)})
    other = made.run(PLAN)
    assert (other.status, "dep-1.0-py3-none-any.whl with a sha256 that is not in" in other.message) == (65, True)
    made.write({"requirements.txt": lines.partition("dep")[0]})
    unlisted = made.run(PLAN)
    assert (unlisted.status, "none for dep 1.0" in unlisted.message) == (78, True), unlisted.stderr


def test_groups_and_extras_are_installed_when_they_are_asked_for(made: World) -> None:
    for name in ("plain", "extra", "speed", "pytest"):
        make_wheel(made.index.directory, name)
    pyproject = (
        '[project]\nname = "demo"\nversion = "1"\ndependencies = ["plain"]\n'
        '[project.optional-dependencies]\nmore = ["extra"]\n'
        '[dependency-groups]\nprod = ["speed"]\ndev = ["pytest"]\n[tool.uv]\ndefault-groups = ["dev"]\n'
    )
    made.write({"pyproject.toml": pyproject})
    assert versions(made).keys() == {"plain"}
    assert versions(made, "--group", "prod", "--extra", "more").keys() == {"plain", "speed", "extra"}
    made.write({"pyproject.toml": f'{pyproject}[tool.grocker]\ngroups = ["prod"]\n'})
    assert versions(made).keys() == {"plain", "speed"}
    unknown = made.run((*PLAN, "--group", "nosuch"))
    assert (unknown.status, "dev, prod" in unknown.hint) == (78, True), unknown.stderr


def test_requirement_files_that_are_named_count(made: World) -> None:
    for name in ("one", "two", "three"):
        make_wheel(made.index.directory, name)
    made.write({"requirements.txt": "one\n", "deploy/web.txt": "two\n", "deploy/more.txt": "three\n"})
    assert versions(made).keys() == {"one"}
    made.write({"grocker.toml": 'requirements = ["deploy/web.txt", "deploy/more.txt"]\n'})
    assert versions(made).keys() == {"two", "three"}


def test_index_of_a_requirement_file_is_asked(made: World) -> None:
    make_wheel(made.index.directory, "one")
    made.write({"requirements.txt": "--index-url ${INDEX}\none\n"})
    made.environ.update({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "INDEX": made.index.url})
    assert versions(made).keys() == {"one"}


def test_tree_that_lists_itself_has_the_commands_of_its_package(made: World) -> None:
    make_project(made.project, entry_points="[console_scripts]\nhello = demo:main\n", name="project")
    made.write(
        {
            "requirements.txt": "-e .\n",
            "grocker.toml": 'install = "tree"\nrequirements = ["requirements.txt"]\n',
        }
    )
    assert versions(made) == {"project": "1.0"}
    for change in ("", "NEW = 1\n"):
        made.write({"project/__init__.py": change})
        done = made.run(("build", "PROJECT", "--output", "oci:OUT"))
        assert done.status == 0, done.stderr
