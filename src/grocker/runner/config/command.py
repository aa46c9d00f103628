"""``grocker-runner config``: shows the effective configuration and where each value comes from. Contract: C6."""

from __future__ import annotations

import os

from ..base import scratch
from ..base.failure import CANNOT_WRITE, CONFIGURATION, USAGE, Failure, reason, warn
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import GROCKER_CONFIG_FILE
from . import configuration
from .effective_configuration import DEFAULT, effective
from .masking import MASK, mask_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..contract.names import ContainerLayout
    from ..contract.spec import Spec
    from .configuration import IniText
    from .effective_configuration import ConfigurationKey, EffectiveConfiguration, ValueOrigin

_USAGE = """\
usage: grocker-runner config [--explain] [--json] [--show-secrets]
  --explain        also show overridden values, and variables that match no key
  --json           print JSON, which includes everything that --explain shows
  --show-secrets   show values that look secret
"""


class _Configuration(Value):
    """The files, the container's variables, and the failures of its start; ``prepared``: whether it was started."""

    texts: tuple[IniText, ...]
    given: Mapping[str, str]
    failures: tuple[str, ...]
    prepared: bool


def show_config(image: Spec, arguments: Sequence[str], layout: ContainerLayout, *, warned: bool = False) -> int:
    """Print the configuration; return the exit status. ``warned``: failures have been reported already.

    Raises Failure: 64; 73 when stdout cannot be written; 77 when the container is another uid's.
    """
    unknown = [word for word in arguments if word not in ("--explain", "--json", "--show-secrets", "--help")]
    if unknown:
        raise Failure(USAGE, f"config: unknown option {unknown[0]!r}; use --explain, --json or --show-secrets")
    if "--help" in arguments:
        _print(_USAGE)
        return 0
    read = _read(layout)
    if not warned:
        for message in read.failures:
            warn(message)
    for name, own in (
        *([(f"{image.namespace}_CONFIG", f"{layout.prepared}/*.ini")] if image.uses_getconf else []),
        (GROCKER_CONFIG_FILE, layout.merged),
    ):
        if read.given.get(name, own) not in ("", own):
            warn(f"{name} is set: programs that use it read {read.given[name]}, not the configuration below")
    found = effective(read.texts, image.namespace, read.given)
    show = "--show-secrets" in arguments
    if "--json" in arguments:
        _print(_json(image, read, found, show=show))
    else:
        _print(_text(found, show=show, explain="--explain" in arguments))
    return 0


def _read(layout: ContainerLayout) -> _Configuration:
    """Read what was prepared at the container's start; if nothing was, the files as they are now."""
    if os.path.lexists(layout.scratch):
        record = scratch.load(layout.scratch)
        try:
            texts = configuration.read_prepared(layout)
        except (OSError, ValueError) as error:
            raise Failure(CONFIGURATION, f"{layout.scratch}: damaged: {error}; restart the container") from None
        failures = (record.failure,) if record.failure else ()
        return _Configuration(texts=texts, given=record.given, failures=failures, prepared=True)
    gathered = configuration.gather(layout)
    messages = tuple(failure.message for failure in gathered.failures)
    return _Configuration(texts=gathered.texts, given=os.environ, failures=messages, prepared=False)


def _text(found: EffectiveConfiguration, *, show: bool, explain: bool) -> str:
    """Format an INI file, with a comment above each value."""
    blocks = []
    for section in (DEFAULT, *found.sections):
        entries = [entry for entry in found.entries if entry.section == section]
        if entries or section != DEFAULT:
            blocks.append(f"[{section}]\n" + "".join(_lines(entry, show=show, explain=explain) for entry in entries))
    if explain and found.unmatched:
        blocks.append(f"# matching no key: {', '.join(found.unmatched)}\n")
    return "\n".join(blocks)


def _lines(entry: ConfigurationKey, *, show: bool, explain: bool) -> str:
    first, *overridden = entry.origins
    text = f"# {_place(first)}\n{entry.key} = {_written(_value(entry, first, show=show))}\n"
    if explain:
        for origin in overridden:
            text += f"#   overrides {_place(origin)}: {_one_line(_value(entry, origin, show=show))}\n"
    return text


def _place(origin: ValueOrigin) -> str:
    if origin.variable:
        return f"variable {origin.variable}"
    return _one_line(f"{origin.file}:{origin.line}" if origin.line else origin.file)


def _value(entry: ConfigurationKey, origin: ValueOrigin, *, show: bool) -> str:
    return origin.value if show else mask_secrets(entry.section, entry.key, origin.value)


def _written(value: str) -> str:
    """Format as in the merged file; control characters are escaped."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n\t".join(_one_line(line) for line in lines)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" or "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in text)


def _json(image: Spec, read: _Configuration, found: EffectiveConfiguration, *, show: bool) -> str:
    import json

    sections: dict[str, dict[str, object]] = {section: {} for section in (DEFAULT, *found.sections)}
    for entry in found.entries:
        first, *overridden = entry.origins
        sections[entry.section][entry.key] = {
            **_datum(entry, first, show=show),
            "beats": [_datum(entry, origin, show=show) for origin in overridden],
        }
    whole = {
        "namespace": image.namespace,
        "prepared": read.prepared,
        "failures": list(read.failures),
        "files": [text.path for text in read.texts],
        "sections": sections,
        "unmatched": list(found.unmatched),
    }
    return json.dumps(whole, indent=2) + "\n"


def _datum(entry: ConfigurationKey, origin: ValueOrigin, *, show: bool) -> dict[str, object]:
    value = _value(entry, origin, show=show)
    place = {"variable": origin.variable} if origin.variable else {"file": origin.file, "line": origin.line}
    return {"value": value, "masked": value != origin.value and MASK in value, **place}


def _print(text: str) -> None:
    """Write everything to stdout. Raises Failure (73)."""
    rest = text.encode("utf-8", "surrogateescape")
    while rest:
        try:
            rest = rest[os.write(1, rest) :]
        except BrokenPipeError:  # the reader has seen enough
            return
        except OSError as error:
            raise Failure(CANNOT_WRITE, f"config: cannot write to stdout: {reason(error)}") from None
