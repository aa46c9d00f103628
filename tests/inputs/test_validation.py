"""Applications that cannot be meant as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.config.settings import DebianSettings, Settings
from grocker.context import Context
from grocker.errors import SettingsError
from grocker.inputs.validation import check_application, check_debian_modules, check_debian_packages
from grocker.platforms.target import select_target
from grocker.progress import Silent
from grocker.python import InstallScheme, SourceTree, Wheel, WheelTarget, read_tree, read_wheel
from grocker.store import Store
from grocker.web import Transport
from tests.support.wheels import make_wheel

TARGET = WheelTarget("3.13")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with Store.open(tmp_path / "cache") as store, Transport(environ={}) as transport:
        yield Context(store, transport, Silent(), {}, 0)


def warned(context: Context) -> list[tuple[str, str | None]]:
    assert isinstance(context.progress, Silent)
    return context.progress.warnings


def wheel(directory: Path, files: dict[str, str] | None = None, *, metadata: str = "") -> Wheel:
    return read_wheel(make_wheel(directory, files=files, metadata=metadata), InstallScheme("3.13"))


def tree(directory: Path, paths: list[str]) -> SourceTree:
    """A project of empty files."""
    directory.mkdir()
    for path in paths:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).touch()
    return read_tree(directory, now=0)


@pytest.mark.parametrize("wanted", ["<3.13", ">=3.14", "==3.11.*"])
def test_application_is_refused_when_it_wants_another_python(tmp_path: Path, context: Context, wanted: str) -> None:
    with pytest.raises(SettingsError, match="demo 1.0 requires Python .*; the image has 3.13"):
        check_application(wheel(tmp_path, metadata=f"Requires-Python: {wanted}\n"), TARGET, (), None, context)


@pytest.mark.parametrize("wanted", [">=3.13.2", ">=3.11,<4", "!=3.13.0"])
def test_application_is_taken_when_a_patch_release_may_fit(tmp_path: Path, context: Context, wanted: str) -> None:
    check_application(wheel(tmp_path, metadata=f"Requires-Python: {wanted}\n"), TARGET, (), None, context)


def test_extra_is_refused_when_the_application_has_none_of_that_name(tmp_path: Path, context: Context) -> None:
    installed = wheel(tmp_path, metadata="Provides-Extra: Post_Gres\n")
    check_application(installed, TARGET, ["post-gres", "POST.GRES"], None, context)
    with pytest.raises(SettingsError, match="demo 1.0 has no extra mysql") as caught:
        check_application(installed, TARGET, ["post.gres", "mysql"], None, context)
    assert caught.value.hint == "available extras: post-gres"


def test_user_is_warned_of_secrets_in_the_image_and_told_how_to_keep_them_out(tmp_path: Path, context: Context) -> None:
    project = tree(tmp_path / "p", ["app/__init__.py", "app/.env", "app/id_rsa", "pyproject.toml"])
    installed = wheel(tmp_path, dict.fromkeys(("app/__init__.py", "app/.env", "app/id_rsa"), ""))
    check_application(installed, TARGET, (), project, context)
    ((message, hint),) = warned(context)
    assert message == "the image contains files that look like secrets: app/.env, app/id_rsa"
    assert 'exclude = ["app/.env", "app/id_rsa"] in [tool.grocker]' in str(hint)


def test_user_is_told_of_secrets_in_a_wheel_of_others(tmp_path: Path, context: Context) -> None:
    check_application(wheel(tmp_path, {"demo/key.pem": "x", "demo/a.py": ""}), TARGET, (), None, context)
    ((message, hint),) = warned(context)
    assert message == "the image contains files that look like secrets: demo/key.pem"
    assert "exclude" not in str(hint)


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("import tkinter as tk", "python3-tk"),
        ("from tkinter import ttk", "python3-tk"),
        ("import dbm.gnu", "python3-gdbm"),
        ("import ensurepip", "python3-venv"),
        ("import idlelib.run", "idle"),
    ],
)
def test_user_is_warned_of_an_import_that_debian_packs_apart(
    tmp_path: Path, context: Context, line: str, package: str
) -> None:
    progress = Silent()
    installed = wheel(tmp_path, {"app.py": f"import os\n{line}\n"})
    check_debian_modules(installed, (), progress)
    ((message, hint),) = progress.warnings
    assert message.startswith("app.py imports ")
    assert f'dependencies = ["{package}"]' in str(hint)
    check_debian_modules(installed, (f"{package}=1.0",), progress)
    assert len(progress.warnings) == 1


PACKAGES = ("python3-tk", "python3-dev", "python3-yaml=6.0.2-1+b2", "python3-gi", "gir1.2-glib-2.0", "libpython3-dev")


@pytest.mark.parametrize("standalone", ["", "3.12.16"])
def test_user_is_warned_of_debian_modules_that_the_application_does_not_see(standalone: str) -> None:
    progress = Silent()
    target = select_target("trixie", "linux/amd64", standalone)
    check_debian_packages(Settings(dependencies=PACKAGES), target, progress)
    ((message, hint),) = progress.warnings
    assert message == (
        "the application cannot import the modules of python3-gi, python3-yaml:"
        " they are outside its virtual environment"
    )
    own = ", and choose a Python from Debian" if standalone else ""
    assert str(hint).startswith(f"set python-packages = true in [tool.grocker.debian]{own};")


@pytest.mark.parametrize("sees", [False, True])
def test_nothing_is_said_of_debian_modules_when_the_setting_says_it(sees: bool) -> None:
    progress = Silent()
    settings = Settings(dependencies=PACKAGES, debian=DebianSettings(python_packages=sees))
    check_debian_packages(settings, select_target("trixie", "linux/amd64"), progress)
    check_debian_packages(Settings(dependencies=PACKAGES[:2]), select_target("trixie", "linux/amd64"), progress)
    assert progress.warnings == []


@pytest.mark.parametrize("line", ["try:\n    import tkinter", "import tkinter_ext", "# import tkinter", "import dbm"])
def test_nothing_is_said_of_an_import_that_may_fail(tmp_path: Path, line: str) -> None:
    progress = Silent()
    check_debian_modules(wheel(tmp_path, {"app.py": f"{line}\n"}), (), progress)
    assert progress.warnings == []
