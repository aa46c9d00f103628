"""``grocker build``, carried out: the request from its options, a build, and what is told of it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from grocker.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from grocker.builder.result import Built
    from grocker.context import Context
    from grocker.deploy.engine_run import EngineName


def carry_out(options: Mapping[str, Any], arguments: Sequence[str]) -> None:
    """Build once, or with ``--watch`` until Ctrl-C.

    ``options``: as ``build.command`` declares them; ``arguments``: the command line that they were read from.
    """
    if options["variables"] and not options["check"]:
        raise UsageError("--env requires --check", hint="to set variables in the image, use env in [tool.grocker]")
    if not options["watch"]:
        _build(options, arguments)
        return
    from grocker.cli.watch import Watch

    watch = Watch(lambda: _build(options, arguments))
    watch.first()
    while True:
        watch.next()


def _build(options: Mapping[str, Any], arguments: Sequence[str]) -> Built:
    """Build, deliver and tell of it."""
    import time

    from msgspec.structs import replace

    from grocker.builder.build import build
    from grocker.cli import replay
    from grocker.cli.build_result import result_json, summary
    from grocker.cli.kept_options import keep_options
    from grocker.cli.request import host_platform, open_context, parse_labels, place_context, request_from_options
    from grocker.cli.terminal import Style
    from grocker.images.places import open_sinks

    environ = os.environ
    with open_context(environ, quiet=options["quiet"], emulates=options["emulate"]) as tools:
        if not options["watch"]:  # by its next build, Grocker itself may have changed
            keep_options(tools.store, arguments, options)
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
                arguments,
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
