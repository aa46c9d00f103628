"""Follows a program through the files of Grocker: which it enters, in which order, and which of them again.

A file is entered when a function in it is called from another one, and left when that call ends. What happens while a
module is imported, and in other threads, is not followed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from types import FrameType

_OPTIMIZED = 1  # CO_OPTIMIZED: functions, but neither modules nor bodies of classes


def follow(package: str, rooms: Collection[str], log: str) -> None:
    """Write ``FILE`` to ``log`` for each first entry, and ``FILE again FUNCTION CALLER`` for a further one.

    ``rooms``: directories and files of ``package``, a directory; nothing else counts.
    """
    root = package + "/"
    order: dict[str, int] = {}
    told: set[tuple[str, str]] = set()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def profile(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(root) or not code.co_flags & _OPTIMIZED:
            return
        file = code.co_filename.removeprefix(root)
        if file.partition("/")[0] not in rooms:
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


class Followed:
    """What was written to a log: the files in the order of their first entries, and how some were entered again."""

    def __init__(self, log: Path, *, suffix: str = "", without: Collection[str] = ()) -> None:
        """``suffix``: is taken off the names; ``without``: files that do not count."""
        lines = [line.split(" ", 2) for line in log.read_text(encoding="utf-8").splitlines()]
        named = [(words[0].removesuffix(suffix), words[2:]) for words in lines]
        self.entered = [file for file, how in named if not how and file not in without]
        self.again = {file: how[0] for file, how in named if how and file not in without}
