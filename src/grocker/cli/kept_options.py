"""The options of a command line that was read before.

Reading one takes click, whose import is a tenth of a build after a changed line. What the options are follows from the
command line and from Grocker alone, so that a build keeps them (``v1/steps/options-KEY``), and the same one takes them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grocker.cli.replay import cache_directory, grocker_itself
from grocker.store.store import SEAL, Store, seal

_PATHS = ("config", "lock", "result_file")
"""options that are paths; all others are text, tuples of text, or whether they are given"""


def find_options(arguments: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the options of a ``grocker build`` that was carried out before; None when click has to read them."""
    try:
        with open(os.path.join(cache_directory(environ), "v1", "steps", _key(arguments)), "rb") as stream:
            kept = stream.read()
    except OSError:
        return None
    data = kept[:-SEAL]
    return _decode(data) if kept[-SEAL:] == seal(data) else None


def keep_options(store: Store, arguments: Sequence[str], options: Mapping[str, Any]) -> None:
    """Keep the options of that command line for ``find_options``. Raises StorageError, CannotWriteError.

    Called as soon as they are read: what a later Grocker makes of the same line may be different. Variables for
    ``--check`` may be secrets, which do not belong on the disk; a line that has some is not kept.
    """
    if options["variables"]:
        return
    key = _key(arguments)
    if store.kept("steps", key) is None:
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
        store.keep("steps", key, json.dumps(plain).encode())


def _decode(data: bytes) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(data)
    for name, value in options.items():
        if isinstance(value, list):
            options[name] = tuple(value)
        elif name in _PATHS and value is not None:
            options[name] = Path(value)
    return options


def _key(arguments: Sequence[str]) -> str:
    parts = "\0".join([grocker_itself(), *arguments])
    return "options-" + hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()
