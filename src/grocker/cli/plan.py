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
    from grocker.builder.survey import Surveyed
    from grocker.cli.terminal import Style
    from grocker.config.files import Configuration


@declare("plan", short_help="show what a build would do")
@with_options(SOURCE, *INPUTS, *RESOLUTION)
@click.option("--explain", is_flag=True, help="Say for each layer why it will be built or reused.")
@with_options(json_option("the plan"), QUIET)
def command(**options: Any) -> None:
    """Print what `grocker build` would do: packages, wheels, services, settings, layers. Nothing is built or delivered.

    If the project has changed, its wheel is built all the same, to read the application's requirements from it.
    """
    from grocker.builder.survey import survey
    from grocker.cli.request import open_tools, request_from_options
    from grocker.cli.terminal import Style

    request = request_from_options(options, os.environ)
    with open_tools(os.environ, quiet=options["quiet"]) as tools:
        configuration, surveyed = survey(request, **tools.arguments())
    if options["as_json"]:
        sys.stdout.write(json_line(as_data(configuration, surveyed)))
    else:
        style = Style.of(sys.stdout, os.environ)
        sys.stdout.write(as_text(configuration, surveyed, style, explain=options["explain"]))


def as_text(configuration: Configuration, surveyed: Sequence[Surveyed], style: Style, *, explain: bool) -> str:
    """Write the plan for people; with ``explain``, also the reason for each layer."""
    lines: list[str] = []
    for one in surveyed:
        decision = one.decision
        source = decision.source
        lines.append(style.bold(f"{source.installed.name} {source.installed.version} on {decision.target.platform}"))
        base = decision.target.suite
        lines.append(f"  base: Debian {base.name}, Python {base.python}")
        services = ", ".join(source.services.table) or "none"
        lines.append(f"  services: {services} ({source.services.source})")
        if source.commands:
            lines.append(f"  commands: {', '.join(source.commands)}")
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


def as_data(configuration: Configuration, surveyed: Sequence[Surveyed]) -> dict[str, Any]:
    """Make the plan's document (docs/reference/plan.md)."""
    return {
        "schema": 1,
        "settings": {name: str(origin) for name, origin in sorted(configuration.origins.items())},
        "platforms": [
            {
                "platform": one.decision.target.platform,
                "suite": one.decision.target.suite.name,
                "python": one.decision.target.suite.python,
                "name": one.decision.source.installed.name,
                "version": one.decision.source.installed.version,
                "services": list(one.decision.source.services.table),
                "commands": list(one.decision.source.commands),
                "debian": [{"name": p.name, "version": p.version} for p in one.decision.packages.packages],
                "python_packages": [{"name": f.name, "version": f.version} for f in one.decision.index.files],
                "layers": [
                    {"name": e.name, "key": e.key, "inputs": list(e.inputs), "run": e.will_run, "why": e.why}
                    for e in one.layers
                ],
            }
            for one in surveyed
        ],
    }


def _shown(inputs: Sequence[str], *, whole: bool) -> str:
    if whole or len(inputs) <= 4:
        return ", ".join(inputs)
    return f"{', '.join(inputs[:3])} and {len(inputs) - 3} more"
