"""Commands of a distribution: generated from its console_scripts, or shipped and adapted to the image's interpreter.

Source: entry points specification, "Use for scripts"; binary distribution format, "Recommended installer features".
"""

from __future__ import annotations

from collections.abc import Iterable

from grocker.errors import CorruptError
from grocker.python.metadata import EntryPoint

_HINT = "fix [project.scripts], or choose another version of the package"
_TEMPLATE = """\
#!{interpreter}
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.exit({object}())
"""


def generate_scripts(points: Iterable[EntryPoint], interpreter: str, file: str) -> dict[str, bytes]:
    """Name → content of each script in ``console_scripts`` and ``gui_scripts``.

    ``interpreter``: its absolute path in the image. ``file``: the wheel's name, for errors.
    Raises CorruptError for an invalid file name, or a script without a function.
    """
    scripts = {}
    for point in points:
        if point.group not in ("console_scripts", "gui_scripts"):
            continue
        if any(c in point.name for c in "/\0\r\n") or point.name in (".", ".."):
            raise CorruptError(f"reading {file}: entry_points.txt: invalid script name {point.name!r}", hint=_HINT)
        if not point.object:
            raise CorruptError(
                f"reading {file}: entry_points.txt: {point.name} does not name a function in {point.module}",
                hint=_HINT,
            )
        scripts[point.name] = _TEMPLATE.format(
            interpreter=interpreter,
            module=point.module,
            first=point.object.partition(".")[0],
            object=point.object,
        ).encode()
    return scripts


def set_interpreter(data: bytes, interpreter: str) -> bytes:
    """A shipped script with ``#!python`` and ``#!pythonw`` replaced by the image's interpreter; others unchanged."""
    if not data.startswith(b"#!python"):
        return data
    _, newline, rest = data.partition(b"\n")
    return b"#!" + interpreter.encode() + (newline or b"\n") + rest
