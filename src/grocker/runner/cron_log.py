"""Where the records of jobs go: a seam of one call. Contract: K4, V4.

The lines of one call belong together, end without a line end and may hold any byte.
"""

from __future__ import annotations

import os

from .value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Log = Callable[[str, int, bool, Sequence[bytes]], None]
    """The job's name, its process id or 0, whether it is an error, the lines."""


def to_standard(job: str, pid: int, error: bool, lines: Sequence[bytes]) -> None:
    """``NAME[PID]: LINE`` on stdout, errors on stderr. What nobody reads is no error."""
    tag = f"{job}[{pid}]: ".encode() if pid else f"{job}: ".encode()
    data = b"".join(tag + line + b"\n" for line in lines)
    try:
        while data:
            data = data[os.write(2 if error else 1, data) :]
    except OSError:
        pass
