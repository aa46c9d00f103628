"""Sdists of the real package index: old releases that never had a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.context import Context
from grocker.errors import MissingError
from grocker.progress import Silent
from grocker.python import Pin, SdistBuilder, WheelTarget, find_uv, resolve
from grocker.store import Store
from grocker.web import Transport

pytestmark = [pytest.mark.network, pytest.mark.slow]

TARGET = WheelTarget("3.13", "amd64", (2, 41))


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with Store.open(tmp_path / "cache") as store, Transport(environ=os.environ) as transport:
        yield Context(store, transport, Silent(), os.environ, time.time())


def resolved(context: Context, *requirements: str) -> dict[str, Pin]:
    uv = find_uv(context.environ, cache=context.store.root / "downloads" / "uv")
    builder = SdistBuilder(context, uv, str(TARGET))
    with context.store.scratch() as scratch:
        pins = resolve(requirements, TARGET, uv, workspace=scratch, builder=builder)
    return {pin.name: pin for pin in pins}


def test_pure_releases_without_wheels_are_built_at_their_version(context: Context) -> None:
    pins = resolved(context, "flask", "flask-mail==0.9.1", "oncalendar==1.1", "simplejson==3.10.0", "pyyaml==5.3")
    built = {name: pin.file for name, pin in pins.items() if pin.sdist is not None}
    assert built == {
        "flask-mail": "flask_mail-0.9.1-py3-none-any.whl",
        "oncalendar": "oncalendar-1.1-py3-none-any.whl",
        "pyyaml": "pyyaml-5.3-py3-none-any.whl",
        "simplejson": "simplejson-3.10.0-py3-none-any.whl",
    }
    assert isinstance(context.progress, Silent)
    assert [text.partition(" has ")[0] for text, _ in context.progress.warnings] == ["pyyaml 5.3"]


def test_releases_that_need_a_compiler_are_named_with_what_has_wheels(context: Context) -> None:
    with pytest.raises(MissingError) as caught:
        resolved(context, "lxml==4.6.1", "psycopg2", "flask-mail==0.9.1")
    assert caught.value.message.startswith("lxml 4.6.1")
    assert ", psycopg2 " in caught.value.message
    assert "they need a compiler" in caught.value.message
    assert "lxml " in str(caught.value.hint)
    assert "depend on psycopg2-binary" in str(caught.value.hint)


@pytest.mark.e2e
def test_flask_tree_with_a_release_without_wheel_is_built(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "requirements.txt").write_text("Flask==3.0.3\nflask-mail==0.9.1\n")
    (project / "app.py").write_text(
        "from flask import Flask\nfrom flask_mail import Mail\napp = Flask(__name__)\nmail = Mail(app)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "grocker", "build", project, "--output", f"oci:{tmp_path}/image"],
        env={**os.environ, "GROCKER_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lock = subprocess.run(
        [sys.executable, "-m", "grocker", "inspect", f"oci:{tmp_path}/image", "--json"],
        env={**os.environ, "GROCKER_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert '"name":"flask-mail","version":"0.9.1"' in lock.replace(" ", "")
