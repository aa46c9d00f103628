"""Same input, same bytes: whoever builds, wherever, whenever; no root, no engine, no name space and no sudo."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grocker.images.layout import problems
from tests.e2e.build.conftest import Anywhere, shared_cache, usable_python
from tests.support import rootless
from tests.support.compilers import PYTHON, SMALL, compiler_cache, pack

pytestmark = [pytest.mark.e2e, pytest.mark.network]
UID = 4324
COMPILED = {
    "pyproject.toml": """
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"
        [project]
        name = "compiled"
        version = "1.0"
        dependencies = ["made-up-small==1.0"]
        [project.scripts]
        compiled = "compiled:main"
        [tool.setuptools]
        packages = ["compiled"]
        ext-modules = [{name = "compiled.small", sources = ["compiled/small.c"]}]
        [tool.uv]
        find-links = ["links"]
        [tool.grocker]
        python = "PYTHON"
        """.replace("PYTHON", PYTHON),
    "compiled/__init__.py": "def main():\n    import small, compiled.small\n",
    "compiled/small.c": SMALL["small.c"],
}
"""a project with an extension module, and a dependency that is an sdist with one"""
_ELSEWHERE = ("unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$0" "$@"')
"""starts a command under another name of the host"""


@pytest.mark.root
def test_two_builds_give_one_digest_when_everything_around_them_differs(
    anywhere: Anywhere, home_of: Callable[[int | None], Path]
) -> None:
    """The second user has an empty cache and may do nothing; the layout is valid."""
    first_home, second_home = home_of(None), home_of(4321)
    first = anywhere.build(
        anywhere.polls,
        *("--output", "store"),
        environment=anywhere.environment(first_home, TZ="UTC", LC_ALL="C.UTF-8", **shared_cache()),
        directory=anywhere.polls,
    )
    other = second_home / "elsewhere" / "a project"
    shutil.copytree(anywhere.polls, other)
    for number, path in enumerate(sorted(other.rglob("*"))):
        path.chmod(0o700 if path.is_dir() or (os.access(path, os.X_OK) and path.stat().st_mode & 0o100) else 0o600)
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    subprocess.run(["chown", "-R", "4321:4321", str(second_home)], check=True)
    tools = second_home / "bin"
    tools.mkdir()
    for name in ("sh", "env", "uname", "git"):  # and neither docker, podman, sudo nor unshare
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    places = {"PATH": str(tools), "DOCKER_HOST": f"unix://{second_home}/none.sock", "TMPDIR": str(second_home)}
    second = anywhere.build(
        Path("elsewhere/a project"),
        *("--output", f"oci:{second_home}/layout"),
        environment=anywhere.environment(
            second_home, TZ="Australia/Lord_Howe", LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="7", **places
        ),
        uid=4321,
        directory=second_home,
        umask=0o077,
        under=("/usr/bin/setpriv", "--no-new-privs"),
    )
    assert [layer["digest"] for layer in first["images"][0]["layers"]] == [
        layer["digest"] for layer in second["images"][0]["layers"]
    ]
    assert first["digest"] == second["digest"]
    assert all(layer["new"] for layer in second["images"][0]["layers"])
    assert problems(second_home / "layout") == ()
    inspected = subprocess.run(
        ["skopeo", "inspect", f"oci:{second_home}/layout"], capture_output=True, text=True, check=False
    )
    assert inspected.returncode == 0, inspected.stderr
    assert json.loads(inspected.stdout)["Digest"] == second["digest"]


@pytest.mark.root
@pytest.mark.rootless
def test_two_builds_give_one_digest_when_everything_around_them_differs_and_they_compile(
    anywhere: Anywhere, home_of: Callable[[int | None], Path], tmp_path: Path
) -> None:
    first_home, second_home = home_of(None), home_of(UID)
    pack(tmp_path / "project.tar.gz", "project", COMPILED)
    sdist = tmp_path / "made_up_small-1.0.tar.gz"
    pack(sdist, "made-up-small-1.0", SMALL)
    for home in (first_home, second_home):
        subprocess.run(["tar", "-xzf", tmp_path / "project.tar.gz", "-C", home], check=True)
        (home / "project/links").mkdir()
        shutil.copy(sdist, home / "project/links")  # gzip's header has the time
    subprocess.run(["chmod", "-R", "go=", second_home / "project"], check=True)
    subprocess.run(["chown", "-R", f"{UID}:{UID}", second_home], check=True)
    first = replace(anywhere, python=_another_python()).build(
        first_home / "project",
        *("--output", f"oci:{first_home}/layout"),
        environment=anywhere.environment(first_home, TZ="UTC", LC_ALL="C.UTF-8", GROCKER_CACHE=str(compiler_cache())),
        directory=Path("/"),
    )
    other_time = ("faketime", "-f", "+3h") if shutil.which("faketime") else ()
    second = anywhere.build(
        Path("project"),
        *("--output", f"oci:{second_home}/layout"),
        environment=anywhere.environment(
            second_home,
            TZ="Australia/Lord_Howe",
            LC_ALL="tr_TR.UTF-8",
            PYTHONHASHSEED="7",
            TMPDIR=str(second_home),
            GROCKER_CACHE=str(compiler_cache(UID)),
        ),
        directory=second_home,
        umask=0o077,
        under=(*_ELSEWHERE, *rootless.launcher(UID, groups="--clear-groups"), *other_time),
    )
    layers = [[layer["digest"] for layer in one["images"][0]["layers"]] for one in (first, second)]
    assert layers[0] == layers[1]
    assert first["digest"] == second["digest"]
    for home in (first_home, second_home):
        names = subprocess.run(
            ["tar", "-tzf", home / "layout/blobs" / layers[0][-1].replace(":", "/")], capture_output=True, text=True
        ).stdout
        assert "/compiled/small.cpython-" in names


def _another_python() -> str:
    """An interpreter of the series of the usual one, and of another release, if there is one; else the usual one."""
    series = f"python3.{sys.version_info.minor}"
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    usual = _release(usable_python())
    candidates = [
        *sorted(root.glob(f"versions/*/bin/{series}")),
        Path("/usr/bin", series),
        Path("/usr/local/bin", series),
    ]
    return next((str(path) for path in candidates if path.exists() and _release(path) != usual), "")


def _release(interpreter: str | Path) -> str:
    code = "import platform; print(platform.python_version())"
    return subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True).stdout
