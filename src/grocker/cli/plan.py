"""``grocker plan`` and ``grocker lock``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from grocker.builder.survey import Surveyed, make_lock, survey
from grocker.cli.delivery import as_line
from grocker.cli.request import asked, lock_path, session
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
    with session(environ, quiet=options["quiet"]) as tools:
        lock = make_lock(request, **tools.arguments(), upgrade=names)
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
    with session(environ, quiet=options["quiet"]) as tools:
        configuration, surveyed = survey(request, **tools.arguments())
    if options["as_json"]:
        sys.stdout.write(as_line(as_data(configuration, surveyed)))
    else:
        style = Style.of(sys.stdout, environ)
        sys.stdout.write(as_text(configuration, surveyed, style, explain=options["explain"]))


def as_text(configuration: Configuration, surveyed: Sequence[Surveyed], style: Style, *, explain: bool) -> str:
    """The plan for people; with ``explain`` each layer's reason and the maintainer scripts that nothing stands for."""
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
    """The plan as a document (docs/reference/plan.md)."""
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
