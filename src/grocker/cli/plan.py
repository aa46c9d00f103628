"""``grocker plan``: what a build would do, for people and as data."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from grocker.cli.options import INPUTS, QUIET, RESOLUTION, SOURCE, json_option, with_options
from grocker.cli.options import command as declare
from grocker.cli.rendering import json_line

if TYPE_CHECKING:
    from grocker.builder.preview import Preview
    from grocker.cli.terminal import Style
    from grocker.config.files import Configuration
    from grocker.inputs.produced import Produced
    from grocker.resolve.resolve import StandaloneInterpreters


@declare("plan", short_help="show what a build would do")
@with_options(SOURCE, *INPUTS, *RESOLUTION)
@click.option("--explain", is_flag=True, help="Explain why each layer will be built or reused.")
@with_options(json_option("the plan"), QUIET)
def command(**options: Any) -> None:
    """Print what `grocker build` would do: packages, wheels, services, settings, layers. Nothing is built or delivered.

    If the project has changed, Grocker still builds its wheel, to read the application's requirements from it.
    """
    from grocker.builder.preview import preview
    from grocker.cli.request import open_context, request_from_options
    from grocker.cli.terminal import Style, printable_output

    request = request_from_options(options, os.environ)
    with open_context(os.environ, quiet=options["quiet"], emulates=options["emulate"]) as tools:
        configuration, previews = preview(request, tools)
    if options["as_json"]:
        sys.stdout.write(json_line(as_data(configuration, previews)))
    else:
        style = Style.of(sys.stdout, os.environ)
        text = as_text(configuration, previews, style, explain=options["explain"])
        sys.stdout.write(printable_output(text, style))


def as_text(configuration: Configuration, previews: Sequence[Preview], style: Style, *, explain: bool) -> str:
    """Write the plan for people; with ``explain``, also the reason for each layer."""
    lines: list[str] = []
    for one in previews:
        resolution = one.resolution
        application = resolution.application
        release = f"{application.installed.name} {application.installed.version}"
        lines.append(style.bold(f"{release} on {resolution.target.platform}"))
        base = resolution.target.suite
        lines.append(f"  base: Debian {base.name}, Python {resolution.python}")
        if resolution.why:
            lines.append(f"  why this Python: {resolution.why}")
        services = ", ".join(application.services.table)
        lines.append(f"  services: {services} ({application.services.source})" if services else "  services: none")
        if application.release is not None:
            lines.append(f"  before they start: {application.release} (release in Procfile)")
        if application.commands:
            lines.append(f"  commands: {', '.join(application.commands)}")
        lines += [f"  writable: {path.path} → {path.target} ({path.why})" for path in application.writable]
        lines += [f"  package: {name} ({why})" for name, why in resolution.brought.items()]
        lines.append(f"  versions: from {resolution.versions}")
        emulated = ", emulated: slow" if one.is_emulated else ""
        if one.compiled:
            lines.append(f"  compiled: {', '.join(one.compiled)} (sandbox: {one.sandbox}{emulated})")
        if (produced := application.produced) is not None:
            origin = f"of {produced.origin}; " if produced.origin else ""
            lines.append(f"  build commands: {'; '.join(produced.commands)} ({origin}sandbox: {one.sandbox})")
        if one.scripts:
            lines.append(f"  maintainer scripts: {', '.join(one.scripts)} (sandbox: {one.sandbox}{emulated})")
        lines.append("  layers:")
        for layer in one.layers:
            state = style.bold("make") if layer.will_run else style.dim("keep")
            lines.append(f"    {state} {layer.name}: {_shown(layer.inputs, whole=explain)}")
            if explain:
                lines.append(f"         {style.dim('because: ' + layer.why)}")
    if configuration.origins:
        lines.append("  settings:")
        lines += [f"    {name} ({origin})" for name, origin in sorted(configuration.origins.items())]
    return "\n".join(lines) + "\n"


def as_data(configuration: Configuration, previews: Sequence[Preview]) -> dict[str, Any]:
    """Make the plan's document (docs/reference/plan.md)."""
    return {
        "schema": 1,
        "settings": {name: str(origin) for name, origin in sorted(configuration.origins.items())},
        "platforms": [
            {
                "platform": one.resolution.target.platform,
                "suite": one.resolution.target.suite.name,
                "python": one.resolution.target.python,
                "standalone": _standalone(one.resolution.standalone),
                "why_python": one.resolution.why,
                "name": one.resolution.application.installed.name,
                "version": one.resolution.application.installed.version,
                "services": list(one.resolution.application.services.table),
                "commands": list(one.resolution.application.commands),
                "writable": [
                    {"path": path.path, "target": path.target, "why": path.why}
                    for path in one.resolution.application.writable
                ],
                "packages": [{"name": name, "why": why} for name, why in one.resolution.brought.items()],
                "versions": one.resolution.versions,
                "debian": [{"name": p.name, "version": p.version} for p in one.resolution.packages.packages],
                "python_packages": [{"name": f.name, "version": f.version} for f in one.resolution.wheels.files],
                "compiled": list(one.compiled),
                "build_commands": _build_commands(one.resolution.application.produced),
                "maintainer_scripts": list(one.scripts),
                "sandbox": one.sandbox or None,
                "emulated": one.is_emulated,
                "layers": [
                    {"name": e.name, "key": e.key, "inputs": list(e.inputs), "run": e.will_run, "why": e.why}
                    for e in one.layers
                ],
            }
            for one in previews
        ],
    }


def _build_commands(produced: Produced | None) -> dict[str, Any] | None:
    return {"commands": list(produced.commands), "origin": produced.origin or None} if produced is not None else None


def _standalone(interpreters: StandaloneInterpreters | None) -> dict[str, str] | None:
    if interpreters is None:
        return None
    python = interpreters.image
    return {"version": python.version, "build": python.build, "file": python.file, "sha256": python.sha256}


def _shown(inputs: Sequence[str], *, whole: bool) -> str:
    if whole or len(inputs) <= 4:
        return ", ".join(inputs)
    return f"{', '.join(inputs[:3])} and {len(inputs) - 3} more"
