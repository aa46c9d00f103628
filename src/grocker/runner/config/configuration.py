"""Makes the configuration that the application reads out of the files that count. Contract: C2, C3, C4, C5.

``<NAMESPACE>_CONFIG`` is a glob over copies whose names sort in the right order, which is all that the getconf library
knows of order. ``GROCKER_CONFIG_FILE`` is one merged file, with what the environment overrides already in it.
"""

from __future__ import annotations

import os

from ..base.failure import Failure
from ..base.scratch import make_directory, write
from ..base.value import TYPE_CHECKING, Value
from ..contract.paths import Places
from . import plain_ini
from .ini_files import find, new_parser, parse, read
from .ini_order import prepared_name

if TYPE_CHECKING:
    import configparser
    from collections.abc import Mapping, Sequence

NOT_KEYS = ("CONFIG", "SERVICE")  # C4: <NAMESPACE>_CONFIG and _SERVICE are the runner's own


class IniText(Value):
    """A file that counts: its name, where it was read, and its text, which can be parsed; ``plain``: what it says, if
    that can be told without configparser.
    """

    name: str
    path: str
    text: str
    plain: plain_ini.Sections | None = None


class Gathered(Value):
    """``texts``: the weakest first; ``failures``: what was wrong, in order; a file that is wrong is left out."""

    texts: tuple[IniText, ...]
    failures: tuple[Failure, ...]


def prepare(places: Places, namespace: str, environ: Mapping[str, str]) -> list[Failure]:
    """Writes the copies, the merged file, and where the copies are from. Returns what was wrong, in order.

    Raises Failure (73) when nothing can be written.
    """
    gathered = gather(places)
    make_directory(places.prepared)
    for place, text in enumerate(gathered.texts):
        write(f"{places.prepared}/{prepared_name(place, text.name)}", text.text.encode("utf-8"))
    write(places.merged, merged(gathered.texts, namespace, environ).encode("utf-8", "surrogateescape"))
    write(places.sources, b"".join(os.fsencode(text.path) + b"\0" for text in gathered.texts))
    return list(gathered.failures)


def gather(places: Places) -> Gathered:
    """The files that count now."""
    failures: list[Failure] = []
    texts: list[IniText] = []
    try:
        files = find(places)
    except Failure as failure:
        failures.append(failure)
        files = []
    for file in files:
        try:
            text = read(file.path)
            plain = plain_ini.read(text)
            if plain is None:
                parse(new_parser(), text, file.path)
        except Failure as failure:
            failures.append(failure)
        else:
            texts.append(IniText(name=file.name, path=file.path, text=text, plain=plain))
    return Gathered(texts=tuple(texts), failures=tuple(failures))


def prepared(places: Places) -> tuple[IniText, ...]:
    """The files that counted when the container started, as they were then. Raises OSError."""
    with open(places.sources, "rb") as file:
        paths = [os.fsdecode(path) for path in file.read().split(b"\0")[:-1]]
    texts = []
    for name, path in zip(sorted(os.listdir(places.prepared)), paths, strict=True):
        with open(f"{places.prepared}/{name}", encoding="utf-8", newline="") as copy:
            texts.append(IniText(name=path.rpartition("/")[2], path=path, text=copy.read()))
    return tuple(texts)


def merged(texts: Sequence[IniText], namespace: str, environ: Mapping[str, str]) -> str:
    """The one file that says what they say together, the weakest first, and what beats them."""
    plain: plain_ini.Sections = {}
    for text in texts:
        if text.plain is None:
            break
        plain_ini.merge(plain, text.plain)
    else:
        for section, keys in plain.items():
            for key in keys:
                name = overriding(namespace, section, key, environ)
                if name is not None:
                    keys[key] = _one_value(environ[name])
        return plain_ini.written(plain)
    import io

    parser = new_parser()
    for text in texts:
        parse(parser, text.text, text.path)
    override(parser, namespace, environ)
    whole = io.StringIO()
    parser.write(whole)
    return whole.getvalue()


def override(parser: configparser.ConfigParser, namespace: str, environ: Mapping[str, str]) -> None:
    """C4: variables beat all files, for sections and keys that stand in one."""
    for section in [parser.default_section, *parser.sections()]:
        for key in list(parser[section]):
            name = overriding(namespace, "" if section == parser.default_section else section, key, environ)
            if name is not None:
                parser[section][key] = _one_value(environ[name])


def _one_value(variable: str) -> str:
    """What reads the file takes CR for the end of a line, and only LF is continued when it is written."""
    return variable.replace("\r\n", "\n").replace("\r", "\n")


def overriding(namespace: str, section: str, key: str, environ: Mapping[str, str]) -> str | None:
    """The name of the variable that beats a key, if there is one; ``section`` "" for the default section."""
    name = variable(namespace, section, key)
    return name if name in environ and name not in [f"{namespace}_{word}" for word in NOT_KEYS] else None


def variable(namespace: str, section: str, key: str) -> str:
    """getconf's name for a key; ``section`` "" for the default section."""
    return "_".join(word.upper() for word in (namespace, section, key) if word).replace("-", "_")
