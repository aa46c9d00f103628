"""``grocker-runner config``: the configuration that holds, and where each value is from. Contract: C6."""

from __future__ import annotations

import os

from ..base import scratch
from ..base.failure import CANNOT_WRITE, CONFIGURATION, USAGE, Failure, reason, warn
from ..base.value import TYPE_CHECKING, Value
from . import configuration
from .effective_configuration import DEFAULT, effective
from .masking import MASK, masked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..contract.paths import Places
    from ..contract.spec import Spec
    from .configuration import IniText
    from .effective_configuration import Effective, Entry, Origin

_USAGE = """\
usage: grocker-runner config [--explain] [--json] [--show-secrets]
  --explain        what each value beats as well, and variables that are no key of any file
  --json           the same as data, with everything that --explain says
  --show-secrets   also the values whose key looks secret
"""


class _Stand(Value):
    """How configuration stands: the files, the variables of the container, and what was wrong when it started."""

    texts: tuple[IniText, ...]
    given: Mapping[str, str]
    failures: tuple[str, ...]
    prepared: bool


def config(image: Spec, arguments: Sequence[str], places: Places, *, warned: bool = False) -> int:
    """Prints it; the exit status. ``warned``: what was wrong has been said already.

    Raises Failure: 64; 73 when stdout cannot be written; 77 when the container is another uid's.
    """
    unknown = [word for word in arguments if word not in ("--explain", "--json", "--show-secrets", "--help")]
    if unknown:
        raise Failure(USAGE, f"config: {unknown[0]}: no such option: --explain, --json, --show-secrets are")
    if "--help" in arguments:
        _print(_USAGE)
        return 0
    stand = _stand(places)
    if not warned:
        for message in stand.failures:
            warn(message)
    for name, own in (
        (f"{image.namespace}_CONFIG", f"{places.prepared}/*.ini"),
        ("GROCKER_CONFIG_FILE", places.merged),
    ):
        if stand.given.get(name, own) not in ("", own):
            warn(f"{name} was given: who goes by it reads {stand.given[name]}, not what follows")
    found = effective(stand.texts, image.namespace, stand.given)
    show = "--show-secrets" in arguments
    if "--json" in arguments:
        _print(_json(image, stand, found, show=show))
    else:
        _print(_text(found, show=show, explain="--explain" in arguments))
    return 0


def _stand(places: Places) -> _Stand:
    """As prepared at the container's start; where nothing was, as it is now."""
    if os.path.lexists(places.scratch):
        record = scratch.load(places.scratch)
        try:
            texts = configuration.prepared(places)
        except (OSError, ValueError) as error:
            raise Failure(CONFIGURATION, f"{places.scratch}: damaged: {error}: start the container again") from None
        failures = (record.failure,) if record.failure else ()
        return _Stand(texts=texts, given=record.given, failures=failures, prepared=True)
    gathered = configuration.gather(places)
    messages = tuple(failure.message for failure in gathered.failures)
    return _Stand(texts=gathered.texts, given=os.environ, failures=messages, prepared=False)


def _text(found: Effective, *, show: bool, explain: bool) -> str:
    """An INI file, with a comment above each value."""
    blocks = []
    for section in (DEFAULT, *found.sections):
        entries = [entry for entry in found.entries if entry.section == section]
        if entries or section != DEFAULT:
            blocks.append(f"[{section}]\n" + "".join(_lines(entry, show=show, explain=explain) for entry in entries))
    if explain and found.unmatched:
        blocks.append(f"# no key of any file: {', '.join(found.unmatched)}\n")
    return "\n".join(blocks)


def _lines(entry: Entry, *, show: bool, explain: bool) -> str:
    first, *beaten = entry.origins
    text = f"# {_place(first)}\n{entry.key} = {_written(_value(entry, first, show=show))}\n"
    if explain:
        for origin in beaten:
            text += f"#   beats {_place(origin)}: {_one_line(_value(entry, origin, show=show))}\n"
    return text


def _place(origin: Origin) -> str:
    if origin.variable:
        return f"variable {origin.variable}"
    return _one_line(f"{origin.file}:{origin.line}" if origin.line else origin.file)


def _value(entry: Entry, origin: Origin, *, show: bool) -> str:
    return origin.value if show else masked(entry.section, entry.key, origin.value)


def _written(value: str) -> str:
    """As the merged file has it; what a terminal would act on is spelt out."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n\t".join(_one_line(line) for line in lines)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" or "\udc80" <= c <= "\udcff" else ascii(c)[1:-1] for c in text)


def _json(image: Spec, stand: _Stand, found: Effective, *, show: bool) -> str:
    import json

    sections: dict[str, dict[str, object]] = {section: {} for section in (DEFAULT, *found.sections)}
    for entry in found.entries:
        first, *beaten = entry.origins
        sections[entry.section][entry.key] = {
            **_datum(entry, first, show=show),
            "beats": [_datum(entry, origin, show=show) for origin in beaten],
        }
    whole = {
        "namespace": image.namespace,
        "prepared": stand.prepared,
        "failures": list(stand.failures),
        "files": [text.path for text in stand.texts],
        "sections": sections,
        "unmatched": list(found.unmatched),
    }
    return json.dumps(whole, indent=2) + "\n"


def _datum(entry: Entry, origin: Origin, *, show: bool) -> dict[str, object]:
    value = _value(entry, origin, show=show)
    place = {"variable": origin.variable} if origin.variable else {"file": origin.file, "line": origin.line}
    return {"value": value, "masked": value != origin.value and MASK in value, **place}


def _print(text: str) -> None:
    """All of it, on stdout. Raises Failure (73)."""
    rest = text.encode("utf-8", "surrogateescape")
    while rest:
        try:
            rest = rest[os.write(1, rest) :]
        except BrokenPipeError:  # whoever read it has seen enough
            return
        except OSError as error:
            raise Failure(CANNOT_WRITE, f"config: stdout: {reason(error)}") from None
