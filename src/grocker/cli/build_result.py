"""What ``grocker build`` says of a build: for people, and as data."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from grocker.cli.rendering import delivery_data, delivery_line, format_size, json_line
from grocker.runner.contract.names import APPLICATION_PORT

if TYPE_CHECKING:
    from grocker.builder.result import Built
    from grocker.cli.terminal import Style

_NO_SERVICE = {
    True: "no service was found; to declare one, run grocker init, or add [tool.grocker.services.www]",
    False: "no service was found; to declare one, write [services.www] into a file, and add --config FILE",
}
"""by whether a project is built"""


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
