"""``grocker build``: the request from the command line, the result for people and as data."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grocker.cli.options import FILE, INPUTS, QUIET, RESOLUTION, SOURCE, examples, json_option, with_options
from grocker.cli.options import command as declare
from grocker.cli.rendering import delivery_data, delivery_line, format_size, json_line
from grocker.errors import UsageError
from grocker.images.places import OUTPUTS
from grocker.runner.contract.names import APPLICATION_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grocker.builder.result import Built
    from grocker.cli.terminal import Style
    from grocker.context import Context
    from grocker.deploy.engine_run import EngineName

_NO_SERVICE = {
    True: "no service was found; to declare one, run grocker init, or add [tool.grocker.services.www]",
    False: "no service was found; to declare one, write [services.www] into a file, and add --config FILE",
}
"""by whether a project is built"""


@declare(
    "build",
    short_help="build an image of a project, a script, a wheel or a release",
    epilog=examples(
        "grocker build",
        'grocker build "httpbin==0.10.4" -o archive:httpbin.tar',
        "grocker build . -t registry.example.com/shop:2.1 --push",
    ),
)
@with_options(SOURCE, *INPUTS)
@click.option("-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", help="Name of the image.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="WHERE",
    help=f"{OUTPUTS}.",
)
@click.option("--push", is_flag=True, help="Push to the registries in the tags.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Label of the image.")
@click.option("--strict", is_flag=True, help="Fail on skipped maintainer scripts, malformed wheels.")
@click.option("--check", is_flag=True, help="Start each service, and wait until it is ready.")
@click.option("-e", "--env", "variables", multiple=True, metavar="NAME[=VALUE]", help="Variable for --check.")
@click.option("--watch", is_flag=True, help="Rebuild whenever a file changes.")
@with_options(*RESOLUTION)
@click.option("--cache-from", metavar="REPOSITORY", help="Read the shared cache in REPOSITORY.")
@click.option("--cache-to", metavar="REPOSITORY", help="Write the shared cache in REPOSITORY.")
@click.option("--result-file", type=FILE, metavar="FILE", help="Write the result to FILE as JSON.")
@with_options(json_option("the result"), QUIET)
def command(**options: Any) -> None:
    """Build an image of SOURCE and deliver it to an engine, a registry or a file.

    SOURCE is a project's directory (default: the current one), a script with inline metadata (bot.py), a wheel
    (./app-1.0-py3-none-any.whl[extra]) or a release on the package index (app[extra]==1.0). The image is named
    NAME:VERSION unless --tag says otherwise. It goes to docker if docker answers, else to podman, unless --output or
    --push says otherwise. --tag, --platform, --output and --label can be repeated.

    With --check, Grocker starts each service in a container of its own, waits until it is ready, and removes the
    container. A Django project is started as www.

    With --watch, Grocker rebuilds and delivers the image after each change to a file that it depends on, until you
    press Ctrl-C.

    --cache-from and --cache-to name a repository of a registry, through which machines share what their builds make.

    Standard output is one line for each image, NAME@DIGEST; everything else goes to standard error.
    """
    if options["variables"] and not options["check"]:
        raise UsageError("--env requires --check", hint="to set variables in the image, use env in [tool.grocker]")
    if not options["watch"]:
        _build(options)
        return
    from grocker.cli.watch import Watch

    watch = Watch(lambda: _build(options))
    watch.first()
    while True:
        watch.next()


def _build(options: Mapping[str, Any]) -> Built:
    """Build, deliver and tell of it."""
    import time

    from msgspec.structs import replace

    from grocker.builder.build import build
    from grocker.cli import replay
    from grocker.cli.request import host_platform, open_context, parse_labels, place_context, request_from_options
    from grocker.cli.terminal import Style
    from grocker.images.places import open_sinks

    environ = os.environ
    with open_context(environ, quiet=options["quiet"], emulates=options["emulate"]) as tools:
        request = replace(
            request_from_options(options, environ),
            tags=options["tags"],
            sinks=open_sinks(options["outputs"], push=options["push"], context=place_context(tools)),
            labels=parse_labels(options["labels"]),
            strict=options["strict"],
            cache_from=options["cache_from"],
            cache_to=options["cache_to"],
        )
        built = build(request, tools)
        if options["check"]:
            _check(built, options["variables"], tools)
        data = result_json(built) if options["as_json"] else f"{built.names[0].name}@{built.digest}\n"
        talk = again = ""
        if not options["quiet"]:
            style, own = Style.of(sys.stderr, environ), host_platform()
            is_twice = sys.stdout.isatty() and not options["as_json"]
            talk = summary(built, style, host=own, seconds=time.time() - tools.now, has_digest=not is_twice)
            again = summary(built, style, host=own, again=True, has_digest=not is_twice)
        if options["result_file"] is not None:
            write_result(options["result_file"], result_json(built))
        if not options["watch"]:  # which never prints a result again: it waits
            replay.remember(
                tools.store,
                sys.argv[1:],
                environ,
                built,
                stderr=again,
                stdout=data,
                written=[options["result_file"]] if options["result_file"] is not None else (),
                began=tools.now,
                finished=time.time(),
            )
    sys.stderr.write(talk)
    sys.stdout.write(data)
    sys.stdout.flush()
    return built


def _check(built: Built, variables: Sequence[str], tools: Context) -> None:
    """Start each service in the engine that got the image. Raises UsageError if none did, SettingsError."""
    from grocker.deploy.service_check import check_service

    engine = next((one for one in built.delivered if one.kind in ("docker", "podman")), None)
    if engine is None:
        raise UsageError("--check needs an engine", hint="add --output docker or --output podman")
    kind: EngineName = "docker" if engine.kind == "docker" else "podman"
    for service in built.services:
        check_service(
            kind, engine.place, service, variables=variables, environment=tools.environ, progress=tools.progress
        )


def write_result(path: Path, text: str) -> None:
    """Write the result, JSON, to ``path``: whole or not at all. Raises StorageError, CannotWriteError."""
    from grocker.store.writing import destination, write_whole

    target = destination(path)
    write_whole(target, text.encode(), temporary=target.with_name(f".{target.name}.{os.getpid()}"))


def summary(
    built: Built,
    style: Style,
    *,
    host: str,
    again: bool = False,
    seconds: float | None = None,
    has_digest: bool = True,
) -> str:
    """Say what was built, for people: name, digest, sizes, new layers, destinations, a command to try.

    ``host``: this host's platform. ``again``: as for a build that changed nothing. ``seconds``: how long it took.
    ``has_digest``: False where standard output shows it to the same people.
    """
    from msgspec.structs import replace

    from grocker.images.sink import UP_TO_DATE

    took = "" if seconds is None else f"  {style.dim(f'in {seconds:.1f} s')}"
    lines = [f"{style.bold(str(built.names[0]))}{f'  {built.digest}' if has_digest else ''}{took}"]
    for one in built.images:
        new = [layer for layer in one.layers if layer.is_new and not again]
        made = "nothing changed" if again else "no new layer"
        if new:
            made = f"new: {', '.join(layer.name for layer in new)} ({format_size(sum(layer.size for layer in new))})"
        count = f"{len(one.layers)} layers, {format_size(one.image.size)} compressed"
        lines.append(f"  {one.image.platform}: {count}; {made}")
        lines += [f"  not run on this host: {name}'s maintainer script ({lack})" for name, lack in one.omitted]
    lines += [f"  writable: {path.path} → {path.target} ({path.why})" for path in built.writable]
    lines += [f"  package: {name} ({why})" for name, why in built.brought.items()]
    for delivered in built.delivered:
        lines.append(delivery_line(replace(delivered, detail=UP_TO_DATE) if again else delivered))
    if not (built.services or built.commands or built.has_crontab):
        lines.append(f"{style.dim('note:')} {_NO_SERVICE[built.is_project]}")
    engine = next((d for d in built.delivered if d.kind in ("docker", "podman")), None)
    if engine is not None:
        platforms = [str(one.image.platform) for one in built.images]
        elsewhere = "" if host in platforms else f" (on {platforms[0]})"
        if built.release is not None:
            line = shlex.join([engine.kind, "run", "--rm", engine.place, "sh", "-c", built.release])
            lines.append(f"{style.dim('before it (release in Procfile):')} {line}")
        lines.append(f"{style.dim(f'try{elsewhere}:')} {try_line(engine.kind, engine.place, built)}")
    return "\n".join(lines) + "\n"


def try_line(engine: str, name: str, built: Built) -> str:
    """Suggest a command line that runs the image."""
    start = [engine, "run", "--rm"]
    if built.services:
        service = "www" if "www" in built.services else (*built.web, *built.services)[0]
        published = ["-p", f"{APPLICATION_PORT}:{APPLICATION_PORT}"] if service in built.web else []
        return shlex.join([*start, *published, name, "start", service])
    if built.commands:
        return shlex.join([*start, name, built.commands[0], "--help"])
    if built.has_crontab:
        return shlex.join([*start, name, "cron"])
    return shlex.join([*start, "-ti", name])


def result_json(built: Built) -> str:
    """Write the result as a JSON document of one line (docs/reference/outputs.md)."""
    document = {
        "schema": 1,
        "name": str(built.names[0]),
        "names": [str(name) for name in built.names],
        "digest": built.digest,
        "services": list(built.services),
        "images": [
            {
                "platform": str(one.image.platform),
                "digest": one.image.digest,
                "config": one.image.config.digest,
                "size": one.image.size,
                "layers": [
                    {"name": each.name, "digest": each.digest, "size": each.size, "new": each.is_new}
                    for each in one.layers
                ],
                "uncovered": [{"package": p, "script": s, "reason": r} for p, s, r in one.uncovered],
                "omitted": [{"package": p, "reason": r} for p, r in one.omitted],
            }
            for one in built.images
        ],
        "outputs": [delivery_data(one) for one in built.delivered],
    }
    return json_line(document)
