"""``grocker build``: the request from the command line, the result for people and as data."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from grocker.builder.request import Built
from grocker.cli import delivery, replay
from grocker.cli.request import asked, host_platform, labels, session
from grocker.cli.terminal import Style
from grocker.store.writing import destination, write_whole


def run_build(options: Mapping[str, Any], arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Build, deliver, print, and remember what a rebuild with nothing changed can be told from."""
    from grocker.builder.build import build
    from grocker.images.outputs import Host, sinks

    with session(environ, quiet=options["quiet"]) as tools:
        host = Host(environ, Path.cwd(), os.getuid(), lambda: tools.transport, tools.store.scratch, tools.store)
        request = replace(
            asked(options, environ),
            tags=options["tags"],
            sinks=sinks(options["outputs"], push=options["push"], host=host),
            labels=labels(options["labels"]),
            strict=options["strict"],
        )
        built = build(request, **tools.arguments())
        data = as_json(built) if options["as_json"] else f"{built.names[0].name}@{built.digest}\n"
        style = Style.of(sys.stderr, environ)
        talk, again = ("", "") if options["quiet"] else (summary(built, style), summary(built, style, again=True))
        if options["result_file"] is not None:
            write_result(options["result_file"], as_json(built))
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


def write_result(path: Path, text: str) -> None:
    """The result as JSON at ``path``, whole or not at all."""
    target = destination(path)
    write_whole(target, text.encode(), temporary=target.with_name(f".{target.name}.{os.getpid()}"))


def summary(built: Built, style: Style, *, again: bool = False) -> str:
    """What was made, for people: name, digest, sizes, what is new, where it went, what to try."""
    lines = [f"{style.bold(str(built.names[0]))}  {built.digest}"]
    for one in built.images:
        new = [layer for layer in one.layers if layer.is_new and not again]
        made = "nothing changed" if again else "no new layer"
        if new:
            made = f"new: {', '.join(layer.name for layer in new)} ({size(sum(layer.size for layer in new))})"
        lines.append(f"  {one.image.platform}: {len(one.layers)} layers, {size(one.image.size)} compressed; {made}")
    for delivered in built.delivered:
        lines.append(delivery.line(replace(delivered, detail="it was there already") if again else delivered))
    engine = next((d for d in built.delivered if d.kind in ("docker", "podman")), None)
    if engine is not None:
        platforms = [str(one.image.platform) for one in built.images]
        elsewhere = "" if host_platform() in platforms else f" (on {platforms[0]})"
        lines.append(f"{style.dim(f'try{elsewhere}:')} {try_line(engine.kind, engine.place, built)}")
    return "\n".join(lines) + "\n"


def try_line(engine: str, name: str, built: Built) -> str:
    """A command line that shows the image at work."""
    start = [engine, "run", "--rm"]
    if built.services:
        service = "www" if "www" in built.services else built.services[0]
        return shlex.join([*start, "-p", "8080:8080", name, "start", service])
    if built.commands:
        return shlex.join([*start, name, built.commands[0], "--help"])
    return shlex.join([*start, "-ti", name])


def size(number: int) -> str:
    """``number`` of bytes in decimal units, three digits: ``67.1 MB``."""
    amount, unit = float(number), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{number} B" if unit == "B" else f"{amount:.{2 if amount < 10 else 1 if amount < 100 else 0}f} {unit}"


def as_json(built: Built) -> str:
    """The result as a JSON document of one line (docs/reference/outputs.md)."""
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
            }
            for one in built.images
        ],
        "outputs": [delivery.as_data(one) for one in built.delivered],
    }
    return delivery.as_line(document)
