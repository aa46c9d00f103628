"""Prepares the configuration that the application reads. Contract: C2, C3, C4, C5.

``<NAMESPACE>_CONFIG`` is a glob over copies of the files, named so that they sort in the right order: the getconf
library sorts by name. ``GROCKER_CONFIG_FILE`` is one merged file, with the overriding variables applied.
"""

from __future__ import annotations

import os

from ..base.failure import Failure
from ..base.scratch import make_directory, write
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import ContainerLayout
from . import plain_ini
from .ini_files import find_files, new_parser, parse_text, prepared_name, read_file

if TYPE_CHECKING:
    import configparser
    from collections.abc import Mapping, Sequence

RESERVED = ("CONFIG", "SERVICE")  # C4: the runner sets <NAMESPACE>_CONFIG and _SERVICE


class IniText(Value):
    """A valid configuration file: its name, its path and its text; ``plain``: its content, if it is plain."""

    name: str
    path: str
    text: str
    plain: plain_ini.Sections | None = None


class GatheredFiles(Value):
    """``texts``: the weakest first; ``failures``: in order; a file with errors is in ``failures`` only."""

    texts: tuple[IniText, ...]
    failures: tuple[Failure, ...]


def prepare_configuration(layout: ContainerLayout, namespace: str, environ: Mapping[str, str]) -> GatheredFiles:
    """Write the copies, the merged file, and the list of original paths; return what was read.

    Raises Failure (73) when nothing can be written.
    """
    gathered = gather(layout)
    make_directory(layout.prepared)
    for place, text in enumerate(gathered.texts):
        write(f"{layout.prepared}/{prepared_name(place, text.name)}", text.text.encode("utf-8"))
    write(layout.merged, merge_texts(gathered.texts, namespace, environ).encode("utf-8", "surrogateescape"))
    write(layout.sources, b"".join(os.fsencode(text.path) + b"\0" for text in gathered.texts))
    return gathered


def gather(layout: ContainerLayout) -> GatheredFiles:
    """Read the configuration files as they are now."""
    failures: list[Failure] = []
    texts: list[IniText] = []
    try:
        files = find_files(layout)
    except Failure as failure:
        failures.append(failure)
        files = []
    for file in files:
        try:
            text = read_file(file.path)
            plain = plain_ini.read_plain(text)
            if plain is None:
                parse_text(new_parser(), text, file.path)
        except Failure as failure:
            failures.append(failure)
        else:
            texts.append(IniText(name=file.name, path=file.path, text=text, plain=plain))
    return GatheredFiles(texts=tuple(texts), failures=tuple(failures))


def read_prepared(layout: ContainerLayout) -> tuple[IniText, ...]:
    """Read the configuration files as they were when the container started. Raises OSError."""
    with open(layout.sources, "rb") as file:
        paths = [os.fsdecode(path) for path in file.read().split(b"\0")[:-1]]
    texts = []
    for name, path in zip(sorted(os.listdir(layout.prepared)), paths):
        with open(f"{layout.prepared}/{name}", encoding="utf-8", newline="") as copy:
            texts.append(IniText(name=path.rpartition("/")[2], path=path, text=copy.read()))
    return tuple(texts)


def merge_texts(texts: Sequence[IniText], namespace: str, environ: Mapping[str, str]) -> str:
    """Merge the files, the weakest first, and apply the overriding variables."""
    plain: plain_ini.Sections = {}
    for text in texts:
        if text.plain is None:
            break
        plain_ini.merge(plain, text.plain)
    else:
        for section, keys in plain.items():
            for key in keys:
                name = overriding_variable(namespace, section, key, environ)
                if name is not None:
                    keys[key] = _normalize_newlines(environ[name])
        return plain_ini.format_plain(plain)
    import io

    parser = new_parser()
    for text in texts:
        parse_text(parser, text.text, text.path)
    apply_variables(parser, namespace, environ)
    whole = io.StringIO()
    parser.write(whole)
    return whole.getvalue()


def apply_variables(parser: configparser.ConfigParser, namespace: str, environ: Mapping[str, str]) -> None:
    """Apply variables, which override every file, for keys that a file sets (C4)."""
    for section in [parser.default_section, *parser.sections()]:
        for key in list(parser[section]):
            name = overriding_variable(namespace, "" if section == parser.default_section else section, key, environ)
            if name is not None:
                parser[section][key] = _normalize_newlines(environ[name])


def _normalize_newlines(variable: str) -> str:
    """Readers of the file take CR for a line end, but configparser indents only after LF when it writes."""
    return variable.replace("\r\n", "\n").replace("\r", "\n")


def overriding_variable(namespace: str, section: str, key: str, environ: Mapping[str, str]) -> str | None:
    """Return the name of the variable that overrides a key, or None; ``section`` "" for the default section."""
    name = variable_name(namespace, section, key)
    return name if name in environ and name not in [f"{namespace}_{word}" for word in RESERVED] else None


def variable_name(namespace: str, section: str, key: str) -> str:
    """Return getconf's variable for a key; ``section`` "" for the default section."""
    return "_".join(word.upper() for word in (namespace, section, key) if word).replace("-", "_")
