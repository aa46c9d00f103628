"""Follows a program through the files of Grocker: which it enters, in which order, and which of them again.

``sitecustomize.py`` of a followed process calls ``follow``. A file is entered when a function in it is called from
another one, and left when that call ends. What happens while a module is imported, and in other threads, is not
followed; nor are files of rooms that only serve (``debian``, ``store``, …).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType

ROOMS = frozenset({"cli", "inputs", "resolve", "plan", "layers", "execute", "builder", "images", "context.py"})
_OPTIMIZED = 1  # CO_OPTIMIZED: functions, but neither modules nor bodies of classes


def follow(package: str, log: str) -> None:
    """Write ``FILE`` to ``log`` for each first entry, and ``FILE again FUNCTION CALLER`` for each further one.

    ``package``: the directory whose files count, and all others do not.
    """
    root = package + "/"
    order: dict[str, int] = {}
    told: set[tuple[str, str]] = set()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def profile(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(root) or not code.co_flags & _OPTIMIZED:
            return
        file = code.co_filename.removeprefix(root)
        if file.partition("/")[0] not in ROOMS:
            return
        caller, back = "", frame.f_back
        while back is not None:
            if back.f_code.co_filename.startswith(root):
                inside = back.f_code.co_filename.removeprefix(root)
                if inside == file or not back.f_code.co_flags & _OPTIMIZED:
                    return  # not left yet, or called by an import
                caller = caller or inside
            back = back.f_back
        if file not in order:
            order[file] = len(order)
            os.write(output, f"{file}\n".encode())
        elif order[file] < len(order) - 1 and (file, code.co_name) not in told:
            told.add((file, code.co_name))
            os.write(output, f"{file} again {code.co_name} {caller}\n".encode())

    sys.setprofile(profile)


def sitecustomize(program: str, log: Path) -> str:
    """The text of a ``sitecustomize.py`` that follows the processes whose command line has the word ``program``."""
    from tests.architecture.source import PACKAGE

    return (
        "import sys\n"
        f"if {program!r} in sys.orig_argv:\n"
        "    from tests.support.followed import follow\n"
        f"    follow({str(PACKAGE)!r}, {str(log)!r})\n"
    )
