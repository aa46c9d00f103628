"""Makes the configuration that the application reads out of the files that count. Contract: C2, C3, C4, C5.

``<NAMESPACE>_CONFIG`` is a glob over copies whose names sort in the right order, which is all that the getconf library
knows of order. ``GROCKER_CONFIG_FILE`` is one merged file, with what the environment overrides already in it.
"""

from __future__ import annotations

import io

from .failure import Failure
from .ini_files import find, new_parser, parse, read
from .ini_order import prepared_name
from .places import Places
from .scratch import make_directory, write
from .value import TYPE_CHECKING

if TYPE_CHECKING:
    import configparser
    from collections.abc import Mapping

NOT_KEYS = ("CONFIG", "SERVICE")  # C4: <NAMESPACE>_CONFIG and _SERVICE are the runner's own


def prepare(places: Places, namespace: str, environ: Mapping[str, str]) -> list[Failure]:
    """Writes the copies and the merged file. Returns what was wrong, in order; a file that is wrong is left out.

    Raises Failure (73) when nothing can be written.
    """
    failures: list[Failure] = []
    texts: list[tuple[str, str, str]] = []
    try:
        files = find(places)
    except Failure as failure:
        failures.append(failure)
        files = []
    for file in files:
        try:
            text = read(file.path)
            parse(new_parser(), text, file.path)
        except Failure as failure:
            failures.append(failure)
        else:
            texts.append((file.name, file.path, text))
    make_directory(places.prepared)
    merged = new_parser()
    for place, (name, path, text) in enumerate(texts):
        write(f"{places.prepared}/{prepared_name(place, name)}", text.encode("utf-8"))
        parse(merged, text, path)
    override(merged, namespace, environ)
    whole = io.StringIO()
    merged.write(whole)
    write(places.merged, whole.getvalue().encode("utf-8", "surrogateescape"))
    return failures


def override(parser: configparser.ConfigParser, namespace: str, environ: Mapping[str, str]) -> None:
    """C4: variables beat all files, for sections and keys that stand in one; named as getconf names them."""
    for section in [parser.default_section, *parser.sections()]:
        for key in list(parser[section]):
            name = variable(namespace, "" if section == parser.default_section else section, key)
            if name in environ and name not in [f"{namespace}_{word}" for word in NOT_KEYS]:
                # What reads the file takes CR for the end of a line, and only LF is continued when it is written.
                parser[section][key] = environ[name].replace("\r\n", "\n").replace("\r", "\n")


def variable(namespace: str, section: str, key: str) -> str:
    """getconf's name for a key; ``section`` "" for the default section."""
    return "_".join(word.upper() for word in (namespace, section, key) if word).replace("-", "_")
