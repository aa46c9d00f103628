"""``grocker inspect``: what an image says of itself, for people and as data."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from grocker.cli.completion import complete_source
from grocker.cli.options import command as declare
from grocker.cli.options import json_option, with_options
from grocker.cli.rendering import format_size, json_line

if TYPE_CHECKING:
    from grocker.cli.terminal import Style
    from grocker.images.inspection import Inspected, Inspection
    from grocker.lock.values import Lock
    from grocker.runner.contract.spec import Service


@declare("inspect", short_help="show what is in an image")
@click.argument("image", shell_complete=complete_source)
@click.option("--platform", metavar="OS/ARCH", help="Show only the image for that platform.")
@click.option("--remote", is_flag=True, help="Read from the registry, not from Grocker's store.")
@with_options(json_option("the description"))
def command(**options: Any) -> None:
    """Show platforms, layers, Debian packages, wheels, services and labels of IMAGE.

    IMAGE is the name of an image built here, oci:DIR, archive:FILE, or a name in a registry
    (registry.example.com/team/polls:1.0). From a registry, only metadata and small layers are read.
    """
    from grocker.cli.request import open_context, place_context
    from grocker.cli.terminal import Style, printable_output
    from grocker.images.inspection import inspect
    from grocker.oci import platforms

    name = options["image"]
    platform = platforms.parse(options["platform"]) if options["platform"] else None
    with open_context(os.environ, quiet=True) as tools:
        found = inspect(name, place_context(tools), platform=platform, remote=options["remote"])
    if options["as_json"]:
        sys.stdout.write(json_line(as_data(name, found)))
    else:
        style = Style.of(sys.stdout, os.environ)
        sys.stdout.write(printable_output(as_text(name, found, style), style))


def as_text(name: str, found: Inspection, style: Style) -> str:
    """Write it for people."""
    kind = "an index" if found.is_index else "one image"
    lines = [f"{style.bold(name)}  {found.root.digest}", f"  in {found.place}: {kind}"]
    for one in found.images:
        lines += ["", f"{style.bold(str(one.image.platform))}  {one.image.digest}"]
        lines += [_printable(line) for line in _about(one)]
        lines.append(f"  layers: {len(one.layers)}, {format_size(one.image.size)} compressed")
        if one.image.soci is not None:
            lines.append(f"  lazy pulling: SOCI, {len(one.image.soci.tables)} of {len(one.layers)} layers")
        for layer in one.layers:
            what = _printable(_layer(layer.name, layer.content))
            lines.append(f"    {format_size(layer.size):>8}  {layer.digest[:19]}  {what}")
        if one.debian:
            lines.append(f"  Debian packages: {len(one.debian)}")
            lines += [_printable(f"    {package.name} {package.version}") for package in one.debian]
        if one.python:
            lines.append(f"  wheels: {len(one.python)}")
            lines += [_printable(f"    {file.name} {file.version}") for file in one.python]
        if one.labels:
            lines.append("  labels:")
            lines += [_printable(f"    {label}={one.labels[label]}") for label in sorted(one.labels)]
        lines += [f"  {style.yellow('note:')} {_printable(note)}" for note in one.notes]
    return "\n".join(lines) + "\n"


def as_data(name: str, found: Inspection) -> dict[str, Any]:
    """Make its document (docs/reference/outputs.md)."""
    return {
        "schema": 1,
        "name": name,
        "place": found.place,
        "digest": found.root.digest,
        "media_type": found.root.descriptor.media_type,
        "images": [_data(one) for one in found.images],
    }


def _about(one: Inspected) -> list[str]:
    lines = []
    spec, lock = one.application, one.lock
    if one.contract is not None:
        release = " ".join(one.release) if one.release else "unknown"
        lines.append(f"  application: {release}, built by Grocker {one.builder or '?'}, image contract {one.contract}")
    if lock is not None:
        base = f"{lock.base.distribution.capitalize()} {lock.base.suite}"
        lines.append(f"  base: {base}, Python {_python(lock)}")
        if lock.not_reproducible:
            lines.append(f"  not reproducible: {', '.join(lock.not_reproducible)}, with a network")
    if spec is not None:
        lines.append("  services: " + ("; ".join(_service(n, s) for n, s in spec.services.items()) or "none"))
    elif one.services:
        lines.append(f"  services: {', '.join(one.services)}")
    for word, values in (("entrypoint", one.run.entrypoint), ("command", one.run.cmd)):
        if values:
            lines.append(f"  {word}: {' '.join(values)}")
    if one.run.user:
        lines.append(f"  user: {one.run.user}")
    if one.run.exposed_ports:
        lines.append(f"  ports: {', '.join(sorted(one.run.exposed_ports))}")
    if one.run.volumes:
        lines.append(f"  volumes: {', '.join(sorted(one.run.volumes))}")
    return lines


def _python(lock: Lock) -> str:
    """The series of Debian's Python, or the version and build of a standalone one."""
    found = next((one.standalone for one in lock.platforms if one.standalone is not None), None)
    if found is None:
        return lock.interpreter.version
    return f"{found.version} (standalone{f', build {found.build}' if found.build else ''})"


def _service(name: str, service: Service) -> str:
    if service.command is not None:
        return f"{name}: {service.command if isinstance(service.command, str) else ' '.join(service.command)}"
    return f"{name}: {service.wsgi or service.asgi} by {service.server}"


def _layer(name: str, content: tuple[str, ...]) -> str:
    if not content:
        return name or "(no name)"
    if len(content) <= 3:
        return f"{name}: {', '.join(content)}"
    return f"{name}: {', '.join(content[:2])} and {len(content) - 2} more"


def _printable(line: str) -> str:
    """Replace what an untrusted image could use to control a terminal."""
    return "".join(c if c.isprintable() else " " for c in line)


def _standalone(lock: Lock | None) -> dict[str, str] | None:
    """The archive of an interpreter that is not Debian's."""
    found = next((one.standalone for one in lock.platforms if one.standalone is not None), None) if lock else None
    if found is None:
        return None
    return {"version": found.version, "build": found.build, "file": found.file, "sha256": found.sha256}


def _data(one: Inspected) -> dict[str, Any]:
    return {
        "platform": str(one.image.platform),
        "digest": one.image.digest,
        "config": one.image.config.digest,
        "size": one.image.size,
        "lazy_pulling": None if one.image.soci is None else "soci",
        "contract": one.contract,
        "application": None if one.release is None else dict(zip(("name", "version"), one.release, strict=True)),
        "grocker": one.builder,
        "services": list(one.services),
        "suite": None if one.lock is None else one.lock.base.suite,
        "python": None if one.lock is None else one.lock.interpreter.version,
        "standalone": _standalone(one.lock),
        "user": one.run.user,
        "entrypoint": list(one.run.entrypoint or ()),
        "command": list(one.run.cmd or ()),
        "ports": sorted(one.run.exposed_ports or ()),
        "volumes": sorted(one.run.volumes or ()),
        "labels": {label: one.labels[label] for label in sorted(one.labels)},
        "layers": [
            {"name": layer.name, "digest": layer.digest, "size": layer.size, "content": list(layer.content)}
            for layer in one.layers
        ],
        "debian": [{"name": p.name, "version": p.version, "sha256": p.sha256} for p in one.debian],
        "python_packages": [{"name": f.name, "version": f.version, "sha256": f.sha256} for f in one.python],
        "notes": list(one.notes),
    }
