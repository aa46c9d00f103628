"""The program that runs collectstatic: what it reads, and variables of the environment that settings lack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import grocker.python
from tests.support.made_up_django import DJANGO

PROGRAM = Path(grocker.python.__file__).with_name("_collect_static.py").read_text("utf-8")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> object:
    """The program's function; it is never imported."""
    for name in ("SHOP_KEY", "SHOP_PORT", "SHOP_DB_ENGINE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    names: dict[str, object] = {}
    exec(PROGRAM.removesuffix("main()\n"), names)
    return names["load"]


@pytest.mark.parametrize(
    "said",
    [
        "Set the {} environment variable",
        "{} not found. Declare it as envvar or define a default value.",
        'Environment variable "{}" not set',
        "{} must be set",
        "1 validation error for Settings\n{}\n  Field required [type=missing]",
        "missing required environment variable {}",
    ],
)
@pytest.mark.parametrize(
    ("name", "value"), [("SHOP_PORT", "0"), ("SHOP_DB_ENGINE", "django.db.backends.sqlite3"), ("SHOP_KEY", None)]
)
def test_variable_gets_a_harmless_value_when_settings_say_that_they_lack_it(
    load: object, said: str, name: str, value: str | None
) -> None:
    def read() -> None:
        if name not in os.environ:
            raise ValueError(said.format(name))

    assert callable(load)
    load(read)
    assert value is None or os.environ[name] == value


def test_every_variable_gets_a_value_when_settings_lack_several(load: object) -> None:
    assert callable(load)
    load(lambda: (os.environ["SHOP_KEY"], int(os.environ["SHOP_PORT"])))
    assert len(os.environ["SHOP_KEY"]) > 50


@pytest.mark.parametrize("said", ["The SHOP_KEY setting is odd", "no module named X"])
def test_error_is_raised_when_no_variable_is_lacking(load: object, said: str) -> None:
    def read() -> None:
        raise ValueError(said)

    assert callable(load)
    with pytest.raises(ValueError, match=said):
        load(read)


def test_error_is_raised_when_the_value_does_not_help(load: object) -> None:
    assert callable(load)
    with pytest.raises(KeyError, match="SHOP_KEY"):
        load(lambda: dict[str, str]()["SHOP_KEY"])


def test_answer_names_every_module_that_was_read_however_it_was(tmp_path: Path) -> None:
    files = {
        **DJANGO,
        "shop/__init__.py": "",
        "shop/unread.py": "",
        "shop/settings.py": "import os\nINSTALLED_APPS = ['django.contrib.staticfiles', 'shop']\n"
        "exec(open(os.path.join(os.path.dirname(__file__), 'parts/base.py')).read())\n"
        "try:\n    import shop.local\nexcept ImportError:\n    pass\n",
        "shop/parts/base.py": "DEBUG = False\n",
        "shop/local.py": "import shop.missing\n",
        "shop/static/shop/example.py": "print('shown to visitors')\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "collected").mkdir()
    subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, json.dumps([str(tmp_path / "collected"), str(tmp_path / "answer")])],
        env={"PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "shop.settings", "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    answer = json.loads((tmp_path / "answer").read_text())
    assert "error" not in answer
    read = {path.removeprefix(f"{tmp_path}/shop/") for path in answer["read"] if path.startswith(f"{tmp_path}/shop/")}
    assert read == {"__init__.py", "settings.py", "parts/base.py", "local.py", "static/shop/example.py"}
