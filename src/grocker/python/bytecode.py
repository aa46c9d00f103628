"""Bytecode as a pure function of source, path and interpreter: hash-based ``.pyc`` files (PEP 552).

The image's own interpreter compiles, run from its unpacked tree through its own loader, without chroot or privileges,
in an environment of its own: the host never matters. The bytes of a file do not depend on what else the same process
compiled (tested in tests/e2e/python, explained in docs/decisions/0043).
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from grocker.errors import BugError, CorruptError, MissingError
from grocker.platforms.architectures import ARCHITECTURES
from grocker.platforms.interpreters import DEBIAN, SAFE_PATH, release_of
from grocker.tar.entry import Directory, Entry, File

_CHECKED = b"\3\0\0\0"
FORMAT = 2
"""Goes into step keys: raised when the same source would give other bytes."""


_LONGEST = 255
"""bytes of a file's name (NAME_MAX)"""


class InterpreterTree(msgspec.Struct, frozen=True):
    """An unpacked CPython that this host's processor can run."""

    tree: Path
    python: str
    """the minor version: ``3.13``"""
    architecture: str
    """Debian's name, the host's own: ``amd64``, ``arm64``"""
    prefix: str = DEBIAN.prefix
    """its directory in ``tree``; the C library's is Debian's"""

    @property
    def home(self) -> Path:
        """The directory that it takes its library from."""
        return self.tree / self.prefix

    @property
    def program(self) -> Path:
        """Its executable."""
        return self.home / "bin" / f"python{self.python}"

    def arguments(self) -> tuple[str, ...]:
        """The command line that starts it, without the program to run.

        Not ``-I``: that would ignore PYTHONHASHSEED and PYTHONHOME too; ``-s -P`` are the rest of it.
        """
        about = ARCHITECTURES[self.architecture]
        own = () if self.prefix == DEBIAN.prefix else (str(self.home / "lib"),)
        libraries = (str(self.tree / "usr" / "lib" / about.triplet), *own)
        safe = ("-P",) if release_of(self.python) >= SAFE_PATH else ()
        return (
            str(_inside(self.tree, about.loader)),
            *("--inhibit-cache", "--library-path", ":".join(libraries)),
            str(self.program),
            *("-s", *safe, "-S", "-B", "-W", "ignore", "-X", "utf8"),
        )

    @property
    def directory(self) -> Path:
        """Where it runs: old ones look for modules there first, so it has none."""
        return Path("/") if release_of(self.python) >= SAFE_PATH else self.home

    def environment(self) -> dict[str, str]:
        """Its whole environment."""
        return {"PYTHONHASHSEED": "0", "PYTHONHOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _inside(tree: Path, path: str) -> Path:
    """The file at ``path``, or where merged-/usr has it."""
    for candidate in (tree / "usr" / path, tree / path):
        if candidate.exists():
            return candidate
    return tree / path


def pyc_path(path: str, cache_tag: str) -> str:
    """The path of the bytecode of the source at ``path`` (PEP 3147)."""
    head, slash, tail = path.rpartition("/")
    return f"{head}{slash}__pycache__/{tail.removesuffix('.py')}.{cache_tag}.pyc"


class Compiler(msgspec.Struct):
    """Running interpreters, for all threads; use with ``with``.

    Raises MissingError when the tree has no such interpreter, BugError when an interpreter dies.
    """

    interpreter: InterpreterTree
    processes: int = 0
    """number of interpreters; 0: one per available processor"""
    cache_tag: str = ""
    """``cpython-313``"""
    magic: bytes = b""
    """the first four bytes of each ``.pyc``"""
    failures: dict[str, str] = {}
    """by path why a source did not compile"""
    _begun: _Process | None = None
    _idle: deque[_Process] = msgspec.field(default_factory=deque)
    _all: list[_Process] = msgspec.field(default_factory=list)
    _pool: ThreadPoolExecutor | None = None
    """one thread per interpreter"""

    def begin(self) -> None:
        """Start the first interpreter, without waiting for it; follow with ``with`` or ``close``."""
        self._begun = self._start()

    def __enter__(self) -> Self:
        first = self._begun or self._start()
        try:
            prefix, magic, self.cache_tag = first.greeting()
            if prefix != str(self.interpreter.home):
                raise BugError(
                    f"compiling Python sources: the interpreter uses the files in {prefix}, not the image's",
                    hint="this is a bug in Grocker: report it",
                )
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.magic = bytes.fromhex(magic)
        self._idle.append(first)
        self.processes = self.processes or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self.processes, thread_name_prefix="compile")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """Terminate all interpreters."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        for process in self._all:
            process.close()
        self._all.clear()
        self._idle.clear()

    def compile(self, sources: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """The path and bytes of each source's ``.pyc``, in the order of ``sources``.

        ``sources``: path in the image (no leading slash) and the file's bytes. A source that does not compile is
        skipped, as by compileall: wheels contain templates and Python 2.
        """
        assert self._pool is not None
        waiting: deque[Future[list[tuple[str, bytes]]]] = deque()
        for batch in _batches(sources):
            waiting.append(self._pool.submit(self._compile_batch, batch))
            if len(waiting) > 2 * self.processes:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()

    def _compile_batch(self, batch: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        try:
            process = self._idle.popleft()
        except IndexError:
            process = self._start()
            process.greeting()
        done = []
        for path, source in batch:
            if len(pyc_path(path, self.cache_tag).rpartition("/")[2].encode("utf-8", "surrogateescape")) > _LONGEST:
                continue  # no file system takes that name; Python does without
            try:
                done.append((pyc_path(path, self.cache_tag), process.compile("/" + path, source)))
            except SyntaxError as error:
                self.failures[path] = str(error)
        self._idle.append(process)
        return done

    def _start(self) -> _Process:
        program = (Path(__file__).parent / "_compile.py").read_text()
        process = _Process(self.interpreter, program)
        self._all.append(process)
        return process


class _Process:
    """One interpreter and the frames of ``_compile.py``."""

    def __init__(self, interpreter: InterpreterTree, program: str) -> None:
        arguments = [*interpreter.arguments(), "-c", program]
        self._program = interpreter.program
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=interpreter.environment(),
                umask=0o022,
                cwd=interpreter.directory,
                # Ctrl-C is for this process alone; the interpreter exits when its input is closed.
                start_new_session=True,
            )
        except OSError as error:
            raise MissingError(
                f"compiling Python sources: cannot start {arguments[0]}: {error.strerror}",
                hint="the packages must include the C library and the interpreter for this host's architecture",
            ) from error

    def greeting(self) -> tuple[str, str, str]:
        try:
            prefix, magic, tag = self._answer("start").split(b"\n")
        except EOFError as error:
            raise MissingError(
                f"compiling Python sources: {self._program} does not run on this host",
                hint="the packages must include the interpreter, its minimal library, the C library, zlib and expat",
            ) from error
        return os.fsdecode(prefix), magic.decode(), tag.decode()

    def compile(self, path: str, source: bytes) -> bytes:
        """Return the ``.pyc``. Raises SyntaxError with the compiler's words."""
        name = os.fsencode(path)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(
                b"".join((len(name).to_bytes(8, "big"), name, len(source).to_bytes(8, "big"), source))
            )
            self._process.stdin.flush()
            return self._answer(path)
        except (EOFError, BrokenPipeError) as error:
            raise CorruptError(
                f"compiling {path}: the interpreter died (status {self._process.wait()})",
                hint="remove the file from its wheel, or report a bug to CPython",
            ) from error

    def _answer(self, path: str) -> bytes:
        assert self._process.stdout is not None
        mark = self._process.stdout.read(9)
        if len(mark) != 9:
            raise EOFError(path)
        size = int.from_bytes(mark[1:], "big")
        data = self._process.stdout.read(size)
        if len(data) != size:
            raise EOFError(path)
        if mark[:1] == b"-":
            raise SyntaxError(data.decode())
        return data

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass
        self._process.kill()
        self._process.wait()


def _batches(sources: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    size = 0
    for source in sources:
        batch.append(source)
        size += len(source[1])
        if size > 1 << 18 or len(batch) == 64:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def compile_sources(interpreter: InterpreterTree, sources: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """See ``Compiler.compile``; the interpreters live as long as the iterator."""
    with Compiler(interpreter) as compiler:
        yield from compiler.compile(sources)


def _as_checked(pyc: bytes) -> bytes:
    """The same file with PEP 552's ``check_source`` flag; magic number and flags are four bytes each."""
    return pyc[:4] + _CHECKED + pyc[8:]


def add_bytecode(compiler: Compiler, entries: Iterable[Entry], *, checked: bool) -> tuple[Entry, ...]:
    """``entries`` and the bytecode of their ``.py`` files, sorted by path; each ``__pycache__`` directory once.

    ``checked``: Python compares the hash with the source at each import, so that a source which somebody replaces in
    the container or in a derived image runs. It costs an import-heavy start one to two per cent of its CPU time.
    Bytecode in ``entries`` for the same interpreter is replaced. A ``.py`` file too large to hold in memory
    (see ``tar.entry.Content``) and commands (in a directory ``bin``) are not compiled.
    """
    result = {entry.path: entry for entry in entries}
    sources = sorted(
        (entry.path, entry.data)
        for entry in result.values()
        if isinstance(entry, File)
        and entry.path.endswith(".py")
        and isinstance(entry.data, bytes)
        and entry.path.split("/")[-2:-1] != ["bin"]
    )
    owners = {path: (result[path].uid, result[path].gid) for path, _ in sources}
    for path, pyc in compiler.compile(sources):
        directory, _, name = path.rpartition("/")
        parent, _, _ = directory.rpartition("/")
        uid, gid = owners[f"{parent}/{name.removesuffix(f'.{compiler.cache_tag}.pyc')}.py".lstrip("/")]
        result.setdefault(directory, Directory(directory, 0o755, uid, gid))
        result[path] = File(path, _as_checked(pyc) if checked else pyc, 0o644, uid, gid)
    return tuple(result[path] for path in sorted(result))
