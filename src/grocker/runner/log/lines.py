"""Splits the output of processes into lines. Contract: K4, V4."""

from __future__ import annotations

LONGEST = 16 << 10  # bytes of a line
CUT = b" [cut]"


class LineSplitter:
    """Bytes in, whole lines out, without line ends; lines longer than ``longest`` bytes are cut and get CUT."""

    __slots__ = ("_cutting", "_longest", "_rest")

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""
        self._cutting = False  # the rest of this line is dropped

    def take(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, or makes too long."""
        *whole, rest = data.split(b"\n")
        lines: list[bytes] = []
        for line in whole:
            if self._cutting:
                self._cutting = False
                continue
            lines.append(self._short(self._rest + line))
            self._rest = b""
        if not self._cutting:
            self._rest += rest
            if len(self._rest) > self._longest:
                lines.append(self._short(self._rest))
                self._rest, self._cutting = b"", True
        return lines

    def end(self) -> list[bytes]:
        """Return the last line, if it has no line end."""
        lines = [self._short(self._rest)] if self._rest else []
        self._rest, self._cutting = b"", False
        return lines

    def _short(self, line: bytes) -> bytes:
        return line if len(line) <= self._longest else line[: self._longest] + CUT


class BlockSplitter:
    """Like LineSplitter, but whole lines stay together in one block, with their ends, which costs nothing per line.

    Only a line that is too long and spans several blocks is cut.
    """

    __slots__ = ("_cutting", "_longest", "_rest")

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""
        self._cutting = False

    def take(self, data: bytes) -> bytes:
        """Return the lines that ``data`` completes, or makes too long; empty when there are none."""
        end = data.rfind(b"\n") + 1
        if self._cutting:
            if not end:
                return b""
            start, self._cutting = data.index(b"\n") + 1, False
        else:
            start = 0
        whole, rest = (data, b"") if end == len(data) and not start else (data[start:end], data[end:])
        if self._rest and end:
            whole, self._rest = self._rest + whole, b""
        self._rest += rest
        if len(self._rest) > self._longest:
            whole += self._rest[: self._longest] + CUT + b"\n"
            self._rest, self._cutting = b"", True
        return whole

    def end(self) -> bytes:
        """Return the last line, if it has no line end, with one."""
        rest, self._rest, self._cutting = self._rest, b"", False
        return rest + b"\n" if rest else b""
