"""The effective value of each key, and where it comes from. Contract: C3, C4, C6. Pure."""

from __future__ import annotations

import io

from ..base.value import TYPE_CHECKING, Value
from .configuration import RESERVED, overriding_variable
from .ini_files import new_parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .configuration import IniText

DEFAULT = "DEFAULT"


class ValueOrigin(Value):
    """A value, and the file (with the key's line, from 1) or the variable that sets it."""

    value: str
    file: str = ""
    line: int | None = None
    variable: str = ""


class ConfigurationKey(Value):
    """A key with the origins of its value, the strongest first; the first one wins."""

    section: str
    key: str
    origins: tuple[ValueOrigin, ...]


class EffectiveConfiguration(Value):
    """``entries``: section by section, in the merged file's order; ``sections``: also those without keys.

    ``unmatched``: variables of the namespace that match no key of any file; getconf reads them all the same.
    """

    entries: tuple[ConfigurationKey, ...]
    sections: tuple[str, ...]
    unmatched: tuple[str, ...]


def effective(texts: Sequence[IniText], namespace: str, environ: Mapping[str, str]) -> EffectiveConfiguration:
    """Return the effective values. ``texts``: valid, the weakest first; ``environ``: given to the container."""
    found: dict[str, dict[str, list[ValueOrigin]]] = {DEFAULT: {}}
    for text in texts:
        for section, own in _parsed(text).items():
            known = found.setdefault(section, {})
            for key, origin in own.items():
                known.setdefault(key, []).insert(0, origin)
    used = set()
    for section, keys in found.items():
        for key in [*keys, *(key for key in found[DEFAULT] if key not in keys)]:
            name = overriding_variable(namespace, "" if section == DEFAULT else section, key, environ)
            if name is not None:
                used.add(name)
                keys.setdefault(key, []).insert(0, ValueOrigin(value=environ[name], variable=name))
    return EffectiveConfiguration(
        entries=tuple(
            ConfigurationKey(section=section, key=key, origins=tuple(origins))
            for section, keys in found.items()
            for key, origins in keys.items()
        ),
        sections=tuple(section for section in found if section != DEFAULT),
        unmatched=tuple(sorted(_of_namespace(namespace, environ) - used)),
    )


def _of_namespace(namespace: str, environ: Mapping[str, str]) -> set[str]:
    own = {f"{namespace}_{word}" for word in RESERVED}
    return {name for name in environ if name.startswith(f"{namespace}_")} - own


def _parsed(text: IniText) -> dict[str, dict[str, ValueOrigin]]:
    """Section → key → origin. configparser does not report line numbers: the dictionaries that it fills record them."""
    sections: dict[str, dict[str, str]] = {}
    lines: dict[tuple[int, str], int] = {}
    line = 0

    class Keys(dict[str, str]):
        def __setitem__(self, key: str, value: object) -> None:
            if isinstance(value, Keys):
                sections[key] = value
            elif isinstance(value, list):  # while reading; lines of one value are joined at the end
                lines.setdefault((id(self), key), line)
            super().__setitem__(key, value)  # type: ignore[assignment]

    def numbered() -> Iterator[str]:
        nonlocal line
        for content in io.StringIO(text.text, newline=None):
            line += 1
            yield content

    parser = new_parser(Keys)
    parser.read_file(numbered(), text.path)
    return {
        section: {key: ValueOrigin(value=keys[key], file=text.path, line=lines.get((id(keys), key))) for key in keys}
        for section, keys in ((DEFAULT, parser.defaults()), *sections.items())
    }
