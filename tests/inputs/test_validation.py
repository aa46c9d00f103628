"""Applications that cannot be meant as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import SettingsError
from grocker.inputs.validation import check_application, check_services, find_missing_modules
from grocker.progress import Silent
from grocker.python import InstallScheme, Wheel, WheelTarget, read_wheel
from grocker.runner.contract.spec import Service
from tests.support.wheels import make_wheel

TARGET = WheelTarget("3.13")
DATA = {"static/a.css": "a"}


def wheel(directory: Path, files: dict[str, str] | None = None, *, metadata: str = "") -> Wheel:
    return read_wheel(make_wheel(directory, files=files, metadata=metadata), InstallScheme("3.13"))


@pytest.mark.parametrize("wanted", ["<3.13", ">=3.14", "==3.11.*"])
def test_application_is_refused_when_it_wants_another_python(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(SettingsError, match="demo 1.0 requires Python .*; the image has 3.13"):
        check_application(wheel(tmp_path, metadata=f"Requires-Python: {wanted}\n"), TARGET, (), (), Silent())


@pytest.mark.parametrize("wanted", [">=3.13.2", ">=3.11,<4", "!=3.13.0"])
def test_application_is_taken_when_a_patch_release_may_fit(tmp_path: Path, wanted: str) -> None:
    check_application(wheel(tmp_path, metadata=f"Requires-Python: {wanted}\n"), TARGET, (), (), Silent())


def test_extra_is_refused_when_the_application_has_none_of_that_name(tmp_path: Path) -> None:
    installed = wheel(tmp_path, metadata="Provides-Extra: Post_Gres\n")
    check_application(installed, TARGET, ["post-gres", "POST.GRES"], (), Silent())
    with pytest.raises(SettingsError, match="demo 1.0 has no extra mysql") as caught:
        check_application(installed, TARGET, ["post.gres", "mysql"], (), Silent())
    assert caught.value.hint == "available extras: post-gres"


def test_user_is_warned_when_the_back_end_left_all_code_out(tmp_path: Path) -> None:
    progress = Silent()
    check_application(
        wheel(tmp_path, DATA), TARGET, (), ["app.py", "setup.py", "shop/__init__.py", "static/a.css"], progress
    )
    ((message, hint),) = progress.warnings
    assert message == "the wheel of demo has no module: its build back end left out app.py, shop/"
    assert hint is not None
    assert '[tool.setuptools]\npy-modules = ["app"]\n[tool.setuptools.packages.find]\ninclude = ["shop*"' in hint


@pytest.mark.parametrize(
    ("files", "sources", "left"),
    [
        ({"app.py": ""}, ["app.py", "templates/a.html", "static/a/b.css"], ["static/", "templates/"]),
        ({"shop/__init__.py": ""}, ["src/shop/__init__.py", "src/shop/templates/a.html"], ["src/shop/templates/"]),
        ({"shop/static/a": "", "shop/__init__.py": ""}, ["src/shop/static/a", "src/shop/static/b"], []),
        ({"shop/__init__.py": ""}, ["tests/a.py", "tests/templates/a", "web/static/a", "static/a"], []),
        ({"shop/__init__.py": ""}, [], []),
    ],
)
def test_user_is_warned_when_templates_or_static_files_are_left_out(
    tmp_path: Path, files: dict[str, str], sources: list[str], left: list[str]
) -> None:
    progress = Silent()
    check_application(wheel(tmp_path, files), TARGET, (), sources, progress)
    assert [message for message, _ in progress.warnings] == (
        [f"the wheel of demo has no file of {', '.join(left)}"] if left else []
    )


@pytest.mark.parametrize(
    ("sources", "left"),
    [
        (["src/shop/__init__.py", "src/shop/a/__init__.py", "tests/__init__.py", "test_a.py"], ["shop/"]),
        (["pyproject.toml", "setup.py", "docs/conf.py"], []),
        ([], []),
    ],
)
def test_modules_and_packages_are_told_from_what_a_wheel_leaves_out(
    tmp_path: Path, sources: list[str], left: list[str]
) -> None:
    assert find_missing_modules(wheel(tmp_path, DATA), sources) == left


@pytest.mark.parametrize(
    ("target", "warned"),
    [
        ("shop.wsgi:application", False),
        ("shop:app", False),
        ("single:app", False),
        ("shop.wsgy:application", True),
        ("nope:app", True),
        ("wagtail_site.wsgi:application", False),
    ],
)
def test_user_is_warned_when_a_service_names_a_module_that_is_not_there(
    tmp_path: Path, target: str, warned: bool
) -> None:
    progress = Silent()
    files = {"shop/__init__.py": "", "shop/wsgi.py": "", "single.cpython-313-x86_64-linux-gnu.so": ""}
    made = wheel(tmp_path, files)
    owners = {"wagtail-site"}
    check_services(made, {"www": Service(wsgi=target), "worker": Service(command=("a",))}, owners, progress)
    said = f"service www: the wheel of demo has no module {target.partition(':')[0]}"
    assert [message for message, _ in progress.warnings] == ([said] if warned else [])


def test_nothing_is_left_out_when_the_wheel_has_a_module(tmp_path: Path) -> None:
    assert find_missing_modules(wheel(tmp_path), ["app.py"]) == []
