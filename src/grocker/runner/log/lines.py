"""What processes say, line by line. Contract: K4, V4."""

from __future__ import annotations

LONGEST = 16 << 10  # bytes of a line
CUT = b" [cut]"


class Lines:
    """Bytes in, whole lines out, without their ends; of a line longer than ``longest`` bytes the beginning and CUT."""

    __slots__ = ("_cutting", "_longest", "_rest")

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""
        self._cutting = False  # what still comes of this line is dropped

    def take(self, data: bytes) -> list[bytes]:
        """The lines that are complete, or too long, with ``data``."""
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
        """The last line, if nothing ended it."""
        lines = [self._short(self._rest)] if self._rest else []
        self._rest, self._cutting = b"", False
        return lines

    def _short(self, line: bytes) -> bytes:
        return line if len(line) <= self._longest else line[: self._longest] + CUT


class Blocks:
    """As Lines, but whole lines stay together, with their ends: nothing is done for each of them. Only a line that is
    too long and lies in several blocks is shortened.
    """

    __slots__ = ("_cutting", "_longest", "_rest")

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""
        self._cutting = False

    def take(self, data: bytes) -> bytes:
        """The lines that are complete, or too long, with ``data``; empty when there are none."""
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
        """The last line, if nothing ended it; with an end now."""
        rest, self._rest, self._cutting = self._rest, b"", False
        return rest + b"\n" if rest else b""
