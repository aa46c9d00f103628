"""The commands and their options. Each parses, calls one function of the domain, and renders what it returns."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click

from grocker import __version__
from grocker.cli.pages import Commands
from grocker.errors import UsageError

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def invoke(arguments: list[str]) -> None:
    """Carry out a command line; raises GrockerError."""
    try:
        grocker.main(arguments, prog_name="grocker", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        raise UsageError("no command given", hint="grocker build DIRECTORY is the one to start with") from error
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "grocker"
        raise UsageError(error.format_message(), hint=f"{command} --help") from error
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except SystemExit as error:  # click's own end when nobody reads standard output any more
        raise BrokenPipeError from error


def _print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        _write_version(as_json=False)
        context.exit()


@click.group(cls=Commands, context_settings=_SETTINGS, epilog="`grocker COMMAND --help` says more.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def grocker() -> None:
    """Turn a Python application into a production container image: no engine, no Dockerfile, no base image, no root.

    In a project's directory `grocker build` is all that is needed.
    """


def _examples(*lines: str) -> str:
    """An epilog: one backspace keeps click from filling the lines of a paragraph."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


_Function = TypeVar("_Function", bound=Callable[..., Any])

_LOCK = click.Path(path_type=Path)
_ENGINE = click.Choice(["docker", "podman"])
_SHARED = (
    click.argument("source", default=".", type=click.Path()),
    click.option("-c", "--config", type=_LOCK, metavar="FILE", help="Settings, instead of the project's own."),
    click.option("--debian", "suite", metavar="SUITE", help="trixie (default) or bookworm."),
    click.option("--lock", type=_LOCK, metavar="FILE", help="Default: grocker.lock in the project."),
    click.option(
        "--platform",
        "platforms",
        multiple=True,
        metavar="OS/ARCH",
        help="linux/amd64, linux/arm64. Default: this host's.",
    ),
)
_DECIDING = (
    click.option("--locked", is_flag=True, help="Fail where there is no lock, or one that is stale."),
    click.option("--refresh", is_flag=True, help="Ask archive and index even within a day."),
)


def _with(*options: Callable[[Any], Any]) -> Callable[[_Function], _Function]:
    def add(function: _Function) -> _Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@grocker.command(
    short_help="make an image of a project, a wheel or a release",
    epilog=_examples(
        "grocker build",
        'grocker build "httpbin==0.10.4" -o archive:httpbin.tar',
        "grocker build . -t registry.example.com/shop:2.1 --push",
    ),
)
@_with(*_SHARED)
@click.option("-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", help="Name of the image.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="WHERE",
    help="docker, podman, oci:DIR, archive:FILE or store.",
)
@click.option("--push", is_flag=True, help="Push to the registries that the tags name.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Label of the image.")
@click.option("--strict", is_flag=True, help="Fail on a maintainer script that is not covered.")
@_with(*_DECIDING)
@click.option("--result-file", type=_LOCK, metavar="FILE", help="Write the result there, too, as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def build(**options: Any) -> None:
    """Make an image of SOURCE and give it to an engine, a registry or a file.

    SOURCE is a project's directory (by default this one), a wheel (./app-1.0-py3-none-any.whl[extra]) or a release on
    the package index (app[extra]==1.0). The image is called NAME:VERSION unless a tag says otherwise. It goes to
    docker if that answers, else to podman, unless --output or --push says otherwise. --tag, --platform, --output and
    --label may be repeated.

    Standard output has one line, NAME@DIGEST; all else is on standard error.
    """
    from grocker.cli.build import run_build

    run_build(options, sys.argv[1:], os.environ)


@grocker.command(
    short_help="run an image, building it first if need be",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    epilog=_examples("grocker run . start www", "grocker run --port 9000 polls:1.0 start www"),
)
@click.argument("source", metavar="SOURCE|IMAGE")
@click.argument("arguments", nargs=-1)
@click.option("--engine", type=_ENGINE, metavar="ENGINE", help="docker or podman. Default: docker if it answers.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    metavar="PORT",
    help="Host port of the service: 8080.",
)
@click.option(
    "--supervision",
    type=click.IntRange(0, 65535),
    default=8081,
    metavar="PORT",
    help="Host port of supervision: 8081.",
)
@click.option("-e", "--env", multiple=True, metavar="NAME[=VALUE]", help="Variable of the container.")
@click.option(
    "--mounts",
    type=_LOCK,
    default=Path(),
    metavar="DIR",
    help="Has config, media, scripts. Default: here.",
)
@click.option("--engine-options", default="", metavar="TEXT", help="Further options for the engine's `run`.")
@_with(*_SHARED[1:], *_DECIDING)
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def run(**options: Any) -> None:
    """Run an application as its image's contract says: mounts, ports, /dev/log and the terminal.

    SOURCE is as for `grocker build`; an IMAGE has a tag (polls:1.0) or a digest. ARGUMENTS are those of the image:
    `start SERVICE`, a command, a script, or nothing for a shell. ./config, ./media and ./scripts are mounted where they
    exist. The engine's plain command line is shown, and takes this process's place. Options stand before SOURCE.
    """
    from grocker.cli.run import run_run

    run_run(options, os.environ)


@grocker.command(short_help="pin everything that an image is made of")
@_with(*_SHARED)
@click.option(
    "--upgrade",
    "upgrade",
    multiple=True,
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Newest version of NAME, or of everything.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def lock(**options: Any) -> None:
    """Write grocker.lock: Debian packages, wheels and build requirements of SOURCE, with sizes and digests.

    Versions that an existing lock has are kept as far as they fit. Debian packages move together, since the archive
    serves one version of each: to name one of them upgrades all. `grocker build` uses the lock where it fits, and
    `grocker build --locked` refuses one that does not. The platforms are those of the lock that there is, or as given.
    """
    from grocker.cli.plan import run_lock

    run_lock(options, os.environ)


@grocker.command(short_help="show what a build would do")
@_with(*_SHARED, *_DECIDING)
@click.option("--explain", is_flag=True, help="Say for each layer why it will be made or not.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def plan(**options: Any) -> None:
    """Print what `grocker build` would do: packages, wheels, services, settings, layers. Nothing is made or delivered.

    A project that has changed has its wheel built, since what the application needs stands in it.
    """
    from grocker.cli.plan import run_plan

    run_plan(options, os.environ)


@grocker.command(short_help="push an image that was built already")
@click.argument("name")
@click.argument("names", nargs=-1, metavar="[AS]...")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def push(**options: Any) -> None:
    """Push the image NAME, as it was built last, to the registry that its name says, or to those of the names AS.

    Every platform that it was built for goes there. Names in one repository are one transfer; what another repository
    of the registry has is mounted there. Credentials are those of docker login and podman login.
    """
    from grocker.cli.push import run_push

    run_push(options, os.environ)


@grocker.command(short_help="load an image that was built already into an engine")
@click.argument("name")
@click.option("--into", type=_ENGINE, metavar="ENGINE", help="docker or podman. Default: docker if it answers.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def load(**options: Any) -> None:
    """Load the image NAME, as it was built last, into docker or podman: the one of the engine's own platform."""
    from grocker.cli.push import run_load

    run_load(options, os.environ)


@grocker.command(short_help="show what is in an image")
@click.argument("image")
@click.option("--platform", metavar="OS/ARCH", help="Only the image for that platform.")
@click.option("--remote", is_flag=True, help="Ask the registry, not Grocker's own store.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def inspect(**options: Any) -> None:
    """Show platforms, layers, Debian packages, wheels, services and labels of IMAGE.

    IMAGE is the name of an image that was built here, oci:DIR, archive:FILE, or a name in a registry
    (registry.example.com/team/polls:1.0). Of a registry only small documents and layers are read.
    """
    from grocker.cli.inspection import run_inspect

    run_inspect(options, os.environ)


@grocker.command(short_help="print Grocker's version")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def version(as_json: bool) -> None:
    """Print the versions of Grocker and of the contract that its images keep."""
    _write_version(as_json=as_json)


@grocker.command("help", short_help="show this page, or a command's", add_help_option=False)
@click.argument("command", required=False)
@click.pass_context
def show_help(context: click.Context, command: str | None) -> None:
    """Show what a COMMAND does and its options, or the list of commands."""
    assert context.parent is not None
    page: click.Context = context.parent
    if command is not None:
        found = grocker.get_command(page, command)
        if found is None:
            near = get_close_matches(command, grocker.commands, 1)
            hint = f"did you mean {near[0]}?" if near else "grocker help lists them"
            raise UsageError(f"there is no command {command}", hint=hint)
        page = click.Context(found, page, info_name=command)
    click.echo(page.get_help())


def _write_version(*, as_json: bool) -> None:
    from grocker.runner.spec import CONTRACT

    if as_json:
        click.echo(f'{{"contract": {CONTRACT}, "version": "{__version__}"}}')
    else:
        click.echo(f"grocker {__version__} (image contract {CONTRACT})")
