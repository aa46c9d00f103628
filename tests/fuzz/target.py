"""What a fuzzer feeds: a function of bytes, the errors that are an answer, and inputs to start from."""

from __future__ import annotations

import atexit
import resource
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grocker.errors import BugError, GrockerError

SEPARATOR = b"\n%%\n"
"""between the parts of an input that becomes several files"""
MEMORY = 768 << 20
"""bytes for one input, however small: what an honest wheel may take (decision 104), and room to spare"""
_PROPORTION = 16
"""bytes of an error's words for each byte of the input"""
_WORDS = 8192
"""bytes of an error's words whatever the input"""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser of what others wrote.

    ``run``: reads the bytes, raises one of ``answers`` for malformed ones, and AssertionError for a broken property.
    ``seeds``: made by code from the real formats. ``words``: what mutations insert. ``tries``: how many mutations the
    slow tests try, about half a second's worth.
    """

    name: str
    run: Callable[[bytes], object]
    answers: tuple[type[Exception], ...]
    seeds: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = ()
    tries: int = 250


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: ``key`` is the same for inputs that show the same one."""

    key: str
    details: str


def find_fault(target: Target, data: bytes) -> Finding | None:
    """Run ``target`` on ``data``; None when it accepts the input or answers with one of its errors."""
    try:
        target.run(data)
    except BugError as error:
        return _finding(error)
    except target.answers as error:
        return _judge_words(error, data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of a library in Rust is no Exception
        return _finding(error)
    return None


def _judge_words(error: Exception, data: bytes) -> Finding | None:
    words = f"{error.message}{error.hint or ''}" if isinstance(error, GrockerError) else str(error)
    if len(words) > _WORDS + _PROPORTION * len(data):
        return Finding(f"{_place(error)}: {len(words)} characters of error", words[:500])
    return None


def _finding(error: BaseException) -> Finding:
    return Finding(f"{_place(error)}: {type(error).__name__}", "".join(traceback.format_exception(error, limit=-20)))


def _place(error: BaseException) -> str:
    """The innermost line of the project that raised it; in a recursion that is one of many, so the function alone."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "grocker/" in frame.filename]
    if not frames:
        frames = traceback.extract_tb(error.__traceback__)[-1:]
    last = frames[-1]
    line = "" if isinstance(error, RecursionError) else f":{last.lineno}"
    return f"{last.filename.rpartition('grocker/')[2]}{line} ({last.name})"


def shrink(target: Target, data: bytes, key: str) -> bytes:
    """Leave out of an input what the finding ``key`` does not need."""
    size = len(data) // 2
    while size:
        at = 0
        while at < len(data):
            shorter = data[:at] + data[at + size :]
            finding = find_fault(target, shorter)
            if finding is not None and finding.key == key:
                data = shorter
            else:
                at += size
        size //= 2
    return data


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Let this process take MEMORY more than it has: MemoryError is a fault of whatever asks for more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def parts(data: bytes, count: int) -> list[bytes]:
    """Split an input into ``count`` parts; missing ones are empty."""
    found = data.split(SEPARATOR, count - 1)
    return [*found, *[b""] * (count - len(found))]


def join(*texts: bytes | str) -> bytes:
    """Make an input of parts."""
    return SEPARATOR.join(text.encode() if isinstance(text, str) else text for text in texts)


@cache
def scratch() -> Path:
    """A directory of this process for parsers of files, in memory if possible; removed at its end."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="grocker-fuzz-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def write(name: str, data: bytes) -> Path:
    """Write an input to a file of that name."""
    path = scratch() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def empty_directory(name: str) -> Path:
    """Make an empty directory of that name, in place of an earlier one."""
    path = scratch() / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def with_checksums(tar: bytes) -> bytes:
    """A tar archive with right checksums: mutations would break them, and everything behind them stay untried."""
    data = bytearray(tar + bytes(-len(tar) % 512))
    at = 0
    while at + 512 <= len(data) and data[at]:
        data[at + 148 : at + 156] = b" " * 8
        data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
        digits = bytes(data[at + 124 : at + 136]).strip(b" \0")
        size = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else 0
        if chr(data[at + 156]) in "125":
            size = 0
        at += 512 + (size + 511) // 512 * 512
    return bytes(data)
