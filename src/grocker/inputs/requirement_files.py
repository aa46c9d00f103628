"""Requirement files in pip's format, with the files that they include. uv parses their content.

Source: pip documentation, "Requirements File Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from grocker import local_file
from grocker.errors import SettingsError

_INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)(?:\s+|=)(?P<file>[^\s#]+)")


def read_requirement_files(files: Iterable[Path]) -> Mapping[Path, bytes]:
    """Read requirement files and all that they include, by path. Raises SettingsError for one that cannot be read."""
    found: dict[Path, bytes] = {}
    for file in files:
        _read(file, found, ())
    return found


def _read(file: Path, found: dict[Path, bytes], above: tuple[Path, ...]) -> None:
    file = file.absolute()
    if file in above:
        raise SettingsError(
            f"circular include: {above[-1].name} includes {file.name}, which includes {above[-1].name}",
            hint="remove one of the two includes",
        )
    if file in found:
        return
    try:
        found[file] = local_file.read(file)
    except OSError as error:
        by = f" (included by {above[-1].name})" if above else ""
        raise SettingsError(f"reading {file}{by}: {error.strerror}", hint="fix the name, or add the file") from error
    for line in found[file].decode("utf-8", "replace").splitlines():
        match = _INCLUDE.match(line)
        if match and "://" not in match["file"]:
            _read(file.parent / match["file"], found, (*above, file))
