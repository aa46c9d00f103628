"""What people see while a command runs: progress on a terminal, lines for long tasks elsewhere, warnings, colours."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

import msgspec

from grocker.errors import GrockerError
from grocker.progress import Progress, Task
from grocker.regex import regex

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

LONG = 1.0
"""seconds: a shorter task is not worth a line in a log"""


_PAUSE = 0.05
"""seconds between two lines that are shown of a task: a program may write a million"""
_WIDEST = 60
"""characters of such a line"""


class Style(msgspec.Struct, frozen=True):
    """Colours where they are wanted (https://no-color.org), else plain text."""

    colour: bool

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Style:
        """Colours on a terminal, unless NO_COLOR or TERM=dumb say otherwise."""
        return cls(stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb")

    def red(self, text: str) -> str:
        """For errors."""
        return self._paint("31", text)

    def yellow(self, text: str) -> str:
        """For warnings."""
        return self._paint("33", text)

    def bold(self, text: str) -> str:
        """For the result."""
        return self._paint("1", text)

    def dim(self, text: str) -> str:
        """For secondary text."""
        return self._paint("2", text)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


class Display(Progress, Protocol):
    """A Progress that is shown for the duration of its ``with`` block."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


def display(stream: TextIO, environ: Mapping[str, str], *, quiet: bool) -> Display:
    """Choose how to show progress on ``stream``: live on a terminal, lines for long tasks in a log or in CI."""
    style = Style.of(stream, environ)
    if not quiet and stream.isatty() and environ.get("TERM") != "dumb" and not environ.get("CI"):
        return LiveDisplay(stream, style)
    return LogDisplay(stream, style, quiet=quiet)


def printable(text: str) -> str:
    """Escape what would control a terminal: messages quote names of files and texts of servers."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def show_error(error: GrockerError) -> None:
    """Write an error and its hint to standard error."""
    style = Style.of(sys.stderr, os.environ)
    sys.stderr.write(f"{style.red('error:')} {printable(error.message)}\n")
    if error.hint:
        sys.stderr.write(f"{style.dim('hint:')} {printable(error.hint)}\n")


_OWN = regex(r"\x1b\[(?:0|1|2|31|33)m")


def printable_output(text: str, style: Style) -> str:
    """``text``, painted by ``style`` or not, with everything else that controls a terminal escaped."""
    if not style.colour:
        return printable(text)
    painted = _OWN.findall(text)
    plain = [printable(part) for part in _OWN.split(text)]
    return "".join(word for pair in zip(plain, [*painted, ""], strict=True) for word in pair)


def _warning(style: Style, message: str, hint: str | None) -> str:
    text = f"{style.yellow('warning:')} {printable(message)}\n"
    return text + f"{style.dim('hint:')} {printable(hint)}\n" if hint else text


class _TimedTask:
    """A task that writes one line at its end if it took long."""

    def __init__(self, show: LogDisplay, what: str) -> None:
        self._show = show
        self._what = what
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = self._show.clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        took = self._show.clock() - self._began
        if kind is None and took >= LONG:
            self._show.line(f"{self._what}: {took:.1f} s\n")

    def advance(self, amount: int) -> None:
        return None

    def show(self, line: str) -> None:
        return None


class LogDisplay:
    """For pipes, logs and CI."""

    def __init__(
        self, stream: TextIO, style: Style, *, quiet: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        """tells seconds"""
        self._stream = stream
        self._style = style
        self._quiet = quiet
        self._guard = threading.Lock()
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None

    def line(self, text: str) -> None:
        """Write ``text``, unless quiet."""
        if not self._quiet:
            self._write(text)

    def task(self, what: str, total: int | None = None) -> Task:
        """See Progress.task."""
        return _TimedTask(self, what)

    def warn(self, message: str, hint: str | None = None) -> None:
        """See Progress.warn; the same warning is shown once."""
        if message not in self._warned:
            self._warned.add(message)
            self._write(_warning(self._style, message, hint))

    def _write(self, text: str) -> None:
        with self._guard:
            self._stream.write(text)
            self._stream.flush()


def _shorten(line: str) -> str:
    plain = " ".join(line.split())
    return plain if len(plain) <= _WIDEST else plain[: _WIDEST - 1] + "…"


class _BarTask:
    def __init__(self, bars: Bars, what: str, total: int | None) -> None:
        self._bars = bars
        self._what = what
        self._total = total
        self._shown = 0.0

    def __enter__(self) -> Self:
        self._id = self._bars.add_task(self._what, total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._bars.remove_task(self._id)

    def advance(self, amount: int) -> None:
        self._bars.advance(self._id, amount)

    def show(self, line: str) -> None:
        now = time.monotonic()
        if now - self._shown >= _PAUSE:
            self._shown = now
            self._bars.update(self._id, description=f"{self._what}: {_shorten(printable(line))}")


class LiveDisplay:
    """For a terminal: running tasks, each gone when it is done."""

    def __init__(self, stream: TextIO, style: Style) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars
        from rich.table import Column

        self._style = style
        self._warned: set[str] = set()
        console = Console(file=stream, no_color=not style.colour, highlight=False)
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._bars.stop()

    def task(self, what: str, total: int | None = None) -> Task:
        """See Progress.task."""
        return _BarTask(self._bars, what, total)

    def warn(self, message: str, hint: str | None = None) -> None:
        """See Progress.warn; the same warning is shown once."""
        from rich.text import Text

        if message in self._warned:
            return
        self._warned.add(message)
        self._bars.console.print(Text.from_ansi(_warning(self._style, message, hint).rstrip("\n")))
