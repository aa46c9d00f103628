"""The help pages can be scanned: a line for each option, commands in the order in which one needs them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from grocker.cli import completion
from grocker.cli.commands import COMMANDS, grocker, load
from grocker.cli.main import run
from grocker.store import Store
from tests.support.image import keep, made_image


def page(name: str) -> str:
    """The page of a command on a terminal of 80 columns."""
    # With its group, from which it has -h: click keeps a command's help option once it was made.
    parent = click.Context(grocker, info_name="grocker", **grocker.context_settings)
    return load(name).get_help(click.Context(load(name), parent, name, terminal_width=80))


@pytest.mark.parametrize("name", COMMANDS)
def test_page_has_one_line_for_each_option(name: str) -> None:
    text = page(name)
    shown = re.findall(r"(?m)^  (?:-\w, )?(--[\w-]+)(?: [^ ]+)?  +[^ ].*$", text)
    options = [p for p in load(name).params if isinstance(p, click.Option)]
    assert sorted(shown) == sorted([*(option.opts[-1] for option in options), "--help"] if name != "help" else [])
    continued = re.compile(r"(?m)^  -.*\n {8,}")
    assert not continued.search(text)


def test_page_of_build_puts_options_under_headings() -> None:
    headings = re.findall(r"(?m)^(\w.*):$", page("build"))
    assert headings[:4] == ["Image", "Destination", "Check", "Development"]
    assert headings[4:] == ["Shared cache", "Versions", "Messages and results"]


def test_variables_of_a_build_are_refused_without_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", ".", "--env", "A=1"]) == 64
    assert capsys.readouterr().err == (
        "error: --env requires --check\nhint: to set variables in the image, use env in [tool.grocker]\n"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_the_page_of_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", name]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: grocker {name} ")


def test_help_lists_the_commands_when_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help"]) == 0
    listed = re.findall(r"(?m)^  ([a-z]+)  +[a-z]", capsys.readouterr().out)
    assert listed[:2] == ["build", "run"]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("arguments", [["help", "bild"], ["bild"]])
def test_command_that_there_is_not_names_the_nearest(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 64
    assert "build" in capsys.readouterr().err


def test_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    said = capsys.readouterr().out
    assert run(["version"]) == 0
    assert capsys.readouterr().out == said


def test_shell_completes_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(words: str, number: int) -> list[str]:
        environ = {"COMP_WORDS": words, "COMP_CWORD": str(number), "_GROCKER_COMPLETE": "bash_complete"}
        line = [sys.executable, "-c", "from grocker.cli.main import main; main()"]
        return subprocess.run(line, env=environ, capture_output=True, text=True, check=True).stdout.split()

    assert completed("grocker ins", 1) == ["plain,inspect"]
    assert completed("grocker build --pl", 2) == ["plain,--platform"]
    assert completed("grocker build ex", 2) == ["file,ex"]
    assert completed("grocker build --platform linux/a", 3) == ["plain,linux/amd64", "plain,linux/arm64"]
    assert completed("grocker plan --debian bo", 3) == ["plain,bookworm"]
    assert completed("grocker run x s", 3) == ["plain,start"]
    assert completed("grocker run x start w", 4) == []


def test_shell_completes_images_of_the_store_and_their_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROCKER_CACHE", str(tmp_path / "cache"))
    group = click.Context(grocker, info_name="grocker")
    assert completion.complete_images(group, grocker.params[0], "") == []
    assert not list(tmp_path.iterdir()), "nothing is created"
    with Store.open(tmp_path / "cache") as store:
        image, blobs = made_image(labels={"org.grocker.services": "beat,worker,www"})
        for text in ("polls:1.0", "registry.example.com/team/polls:1.0"):
            keep(store, text, [image], blobs)
    for name, incomplete, expected in (
        ("push", "", ["polls:1.0", "registry.example.com/team/polls:1.0"]),
        ("load", "po", ["polls:1.0"]),
        ("inspect", "reg", ["registry.example.com/team/polls:1.0"]),
        ("run", "nothing", ["nothing"]),
    ):
        command = load(name)
        [source, *_] = [one for one in command.params if isinstance(one, click.Argument)]
        found = source.shell_complete(click.Context(command, group, name), incomplete)
        assert [item.value for item in found] == expected
    context = click.Context(load("run"), group, "run")
    argument = load("run").params[1]
    context.params = {"source": "polls:1.0", "arguments": ("start",)}
    assert completion.complete_arguments(context, argument, "w") == ["worker", "www"]
    context.params["source"] = "polls:9"
    assert completion.complete_arguments(context, argument, "") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_full_standard_output_is_no_bug() -> None:
    with Path("/dev/full").open("w") as full:
        line = [sys.executable, "-c", "from grocker.cli.main import main; main()", "version"]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 74
    assert done.stderr == (
        "error: writing to standard output: No space left on device\nhint: redirect the output elsewhere\n"
    )


@pytest.mark.parametrize("name", ["rebase", "images"])
def test_command_that_does_not_exist_yet_says_what_to_do(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name]) == 64
    said = capsys.readouterr().err
    assert f"error: grocker {name} does not exist yet\nhint: " in said
    assert "Did you mean" not in said


@pytest.mark.parametrize("option", ["-v", "-V", "--version"])
def test_version_is_shown_by_its_option(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([option]) == 0
    assert capsys.readouterr().out.startswith("grocker ")


@pytest.mark.parametrize("arguments", [["help", "--help"], ["help", "-h"], ["help", "help"]])
def test_help_has_a_page_of_its_own(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert capsys.readouterr().out.startswith("Usage: grocker help ")


def test_help_lists_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "settings"]) == 0
    said = capsys.readouterr().out
    assert "services.NAME.wsgi" in said
    assert "debian.suite" in said
