"""``grocker plan`` and ``grocker lock``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from grocker.builder.lock import make_lock
from grocker.builder.preview import Preview, preview
from grocker.cli.delivery import as_line
from grocker.cli.request import asked, lock_path, open_context
from grocker.cli.terminal import Style
from grocker.config.files import Configuration
from grocker.lock.document import render
from grocker.lock.values import Lock
from grocker.store.writing import destination, write_whole


def run_lock(options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Make or renew the lock, and say what moved."""
    request = asked(options, environ)
    if not options["platforms"] and request.lock is not None:
        request = replace(request, platforms=tuple(one.platform for one in request.lock.platforms))
    names: tuple[str, ...] | None = tuple(name for name in options["upgrade"] if name)
    if not options["upgrade"]:
        names = None
    elif "" in options["upgrade"]:
        names = ()
    with open_context(environ, quiet=options["quiet"]) as tools:
        lock = make_lock(request, tools, upgrade=names)
    path = lock_path(request.origin, options["lock"])
    target = destination(path)
    write_whole(target, render(lock).encode(), temporary=target.with_name(f".{target.name}.{os.getpid()}"))
    if not options["quiet"]:
        old, new = versions(request.lock), versions(lock)
        for name, platform in sorted({*old, *new}):
            was, now = old.get((name, platform), "none"), new.get((name, platform), "none")
            if was != now and old:
                sys.stderr.write(f"  {name}: {was} → {now} ({platform})\n")
        counts = ", ".join(
            f"{len(one.debian)} packages and {len(one.python)} wheels for {one.platform}" for one in lock.platforms
        )
        sys.stderr.write(f"{path}: {counts}\n")


def versions(lock: Lock | None) -> dict[tuple[str, str], str]:
    """Each package's and wheel's version by name and platform."""
    found: dict[tuple[str, str], str] = {}
    for one in lock.platforms if lock is not None else ():
        found.update({(package.name, one.platform): package.version for package in one.debian})
        found.update({(file.name, one.platform): file.version for file in one.python})
    return found


def run_plan(options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Print the plan, for people or as JSON."""
    request = asked(options, environ)
    with open_context(environ, quiet=options["quiet"]) as tools:
        configuration, previews = preview(request, tools)
    if options["as_json"]:
        sys.stdout.write(as_line(as_data(configuration, previews)))
    else:
        style = Style.of(sys.stdout, environ)
        sys.stdout.write(as_text(configuration, previews, style, explain=options["explain"]))


def as_text(configuration: Configuration, previews: Sequence[Preview], style: Style, *, explain: bool) -> str:
    """The plan for people; with ``explain`` each layer's reason and the maintainer scripts that nothing stands for."""
    lines: list[str] = []
    for one in previews:
        resolution = one.resolution
        application = resolution.application
        release = f"{application.installed.name} {application.installed.version}"
        lines.append(style.bold(f"{release} on {resolution.target.platform}"))
        base = resolution.target.suite
        lines.append(f"  base: Debian {base.name}, Python {base.python}")
        services = ", ".join(application.services.table) or "none"
        lines.append(f"  services: {services} ({application.services.source})")
        if application.commands:
            lines.append(f"  commands: {', '.join(application.commands)}")
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
    """The plan as a document (docs/reference/plan.md)."""
    return {
        "schema": 1,
        "settings": {name: str(origin) for name, origin in sorted(configuration.origins.items())},
        "platforms": [
            {
                "platform": one.resolution.target.platform,
                "suite": one.resolution.target.suite.name,
                "python": one.resolution.target.suite.python,
                "name": one.resolution.application.installed.name,
                "version": one.resolution.application.installed.version,
                "services": list(one.resolution.application.services.table),
                "commands": list(one.resolution.application.commands),
                "debian": [{"name": p.name, "version": p.version} for p in one.resolution.packages.packages],
                "python_packages": [{"name": f.name, "version": f.version} for f in one.resolution.wheels.files],
                "layers": [
                    {"name": e.name, "key": e.key, "inputs": list(e.inputs), "run": e.will_run, "why": e.why}
                    for e in one.layers
                ],
            }
            for one in previews
        ],
    }


def _shown(inputs: Sequence[str], *, whole: bool) -> str:
    if whole or len(inputs) <= 4:
        return ", ".join(inputs)
    return f"{', '.join(inputs[:3])} and {len(inputs) - 3} more"
