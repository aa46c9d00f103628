"""Options of a command line that was read before: those that click would read again, or none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from grocker.cli import build_action
from grocker.cli.commands import grocker, load
from grocker.cli.kept_options import find_options, keep_options
from grocker.cli.main import run
from grocker.store import Store

PLAIN = ["build", ".", "--tag", "polls:1"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"GROCKER_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def store(environ: dict[str, str]) -> Iterator[Store]:
    with Store.open(Path(environ["GROCKER_CACHE"])) as opened:
        yield opened


def read_by_click(arguments: list[str]) -> dict[str, Any]:
    # click keeps the option for help of the first context, which the reference page has too.
    parent = click.Context(grocker, **grocker.context_settings)
    return load("build").make_context("build", arguments[1:], parent=parent).params


def every_option() -> list[str]:
    """A command line with every option of ``build`` that is kept, those that may be repeated twice."""
    line = ["build", "source\udce9"]
    for parameter in load("build").params:
        if not isinstance(parameter, click.Option) or parameter.name == "variables":
            continue
        word = max(parameter.opts, key=len)
        for number in range(2 if parameter.multiple else 1):
            line += [word] if parameter.is_flag else [word, f"value {number}\n"]
    return line


@pytest.mark.parametrize("arguments", [PLAIN, ["build"], every_option()])
def test_kept_options_are_those_that_click_reads(store: Store, environ: dict[str, str], arguments: list[str]) -> None:
    options = read_by_click(arguments)
    assert find_options(arguments, environ) is None
    keep_options(store, arguments, options)
    found = find_options(arguments, environ)
    assert found == options
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in options.items()}


@pytest.mark.parametrize("other", [["build", ".", "--tag", "polls:2"], ["build", ".", "--tag"], ["lock", "."], []])
def test_another_command_line_has_no_kept_options(store: Store, environ: dict[str, str], other: list[str]) -> None:
    keep_options(store, PLAIN, read_by_click(PLAIN))
    assert find_options(other, environ) is None


def test_variables_which_may_be_secrets_are_not_kept(store: Store, environ: dict[str, str]) -> None:
    line = [*PLAIN, "--check", "--env", "SECRET_KEY=hunter2"]
    keep_options(store, line, read_by_click(line))
    assert find_options(line, environ) is None
    assert list((store.root / "steps").iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"\0" * 40])
def test_damaged_options_are_read_by_click(store: Store, environ: dict[str, str], damage: bytes) -> None:
    keep_options(store, PLAIN, read_by_click(PLAIN))
    [kept] = (store.root / "steps").glob("options-*")
    kept.write_bytes(damage)
    assert find_options(PLAIN, environ) is None
    keep_options(store, PLAIN, read_by_click(PLAIN))
    assert find_options(PLAIN, environ) == read_by_click(PLAIN)


def test_build_is_carried_out_without_click(
    store: Store, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_options(store, PLAIN, read_by_click(PLAIN))
    seen: list[object] = []
    monkeypatch.setattr(build_action, "carry_out", lambda *given: seen.extend(given))
    monkeypatch.setenv("GROCKER_CACHE", environ["GROCKER_CACHE"])
    assert run(PLAIN) == 0
    assert seen == [read_by_click(PLAIN), PLAIN]


def test_action_of_a_build_imports_no_click() -> None:
    code = "import sys, grocker.cli.build_action, grocker.cli.kept_options; print('click' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
