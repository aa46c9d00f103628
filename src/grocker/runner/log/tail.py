"""Keeps the last lines of each process and job, for holders of the status token. Contract: H4."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES = 200
_BYTES = 32 << 10  # of one process
_TOTAL = 1 << 20  # bytes, of all together; a crontab may have a thousand jobs


class LogTail:
    """Bytes in; they are split into lines on demand."""

    def __init__(self) -> None:
        self._kept: dict[str, bytearray] = {}  # the latest writer is last
        self._size = 0

    def add(self, name: str, data: bytes) -> None:
        """Append output of process or job ``name``."""
        kept = self._kept.pop(name, None)
        kept = bytearray() if kept is None else kept
        self._size -= len(kept)
        if len(data) > _BYTES:
            kept[:] = data[-_BYTES - 1 :]
        else:
            kept += data
            if len(kept) > 2 * _BYTES:
                del kept[: -_BYTES - 1]
        self._kept[name] = kept
        self._size += len(kept)
        while self._size > _TOTAL:
            self._size -= len(self._kept.pop(next(iter(self._kept))))

    def lines(self, name: str) -> Sequence[str]:
        """Return the last whole lines, at most LINES, oldest first."""
        kept = bytes(self._kept.get(name, b""))
        lines = kept[-_BYTES - 1 :].split(b"\n")
        if len(kept) > _BYTES:
            del lines[0]  # its beginning is missing
        if lines and not lines[-1]:
            del lines[-1]
        return [line.decode("utf-8", "replace") for line in lines[-LINES:]]
