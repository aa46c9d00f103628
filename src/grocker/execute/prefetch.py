"""Start work while resolving still runs.

A changed line needs a compiling interpreter, answers of registries and engines, and of a package its back end, tens of
milliseconds each: in parallel they take as long as one of them. A first build has Debian's packages to decompress and
compress. A build that comes here has something to make, in all likelihood: where nothing changed, it is replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from grocker import digest
from grocker.context import Context
from grocker.layers.workers import Workers
from grocker.lock.answers import DebianAnswer
from grocker.plan.layers import debian_key, interpreter_key
from grocker.platforms.target import Target

if TYPE_CHECKING:
    from grocker.layers.debian import DebianPackages
    from grocker.python import Compiler

_MODULES = ("email.parser", "packaging.tags", "grocker.python.wheel", "grocker.python.bytecode")
"""needed to read any wheel and to compile it"""


class _Interpreter(msgspec.Struct, frozen=True):
    """The compiling interpreter of a build, which the next one will probably need again."""

    key: str
    """of its tree"""
    python: str
    """the minor version"""
    architecture: str
    """Debian's name"""


class Prefetch:
    """A ``resolve.Subscriber`` whose results the execution of the plan uses. A context manager."""

    def __init__(
        self,
        context: Context,
        workers: Workers,
        *,
        epoch: int,
        locales: Sequence[str] = (),
        meanwhile: Sequence[Callable[[], None]] = (),
        project: str = "",
    ) -> None:
        """``epoch``: seconds since 1970; ``locales``: see ``DebianPackages``; ``meanwhile``: jobs begun at once.

        ``project``: what is built; the interpreter that its last build used is started at once.
        """
        self._context = context
        self._workers = workers
        self._epoch = epoch
        self._locales = locales
        self._meanwhile = meanwhile
        self._guard = Lock()
        self._last = f"interpreter-{digest.hexadecimal(digest.of(project.encode('utf-8', 'surrogateescape')))}"
        self._backend_runs = False
        self._interpreter: _Interpreter | None = None
        self._packages: dict[tuple[str, ...], DebianPackages] = {}
        self._compilers: dict[str, Compiler] = {}
        self._unwanted: set[str] = set()
        """keys of interpreters that execution has asked for: it starts those itself that it did not get"""
        self._is_closed = False

    def __enter__(self) -> Self:
        for job in self._meanwhile:
            self._workers.transfers.submit(job)
        last = self._context.store.kept_as("steps", self._last, _Interpreter)
        if last is not None:
            self._workers.processors.submit(self._start_interpreter, last)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._is_closed = True
            for compiler in self._compilers.values():
                compiler.close()

    def backend_started(self) -> None:
        """Import what comes after the back end; get the interpreter if it is elsewhere: there will be work for it."""
        self._workers.processors.submit(_import_modules)
        with self._guard:
            self._backend_runs = True
            known = self._interpreter
        if known is not None:
            self._workers.transfers.submit(self._start_interpreter, known)

    def debian_resolved(self, image: DebianAnswer, compiling: Target) -> None:
        """Start with the packages, if their layer has to be made."""
        if self._context.store.kept("steps", debian_key(image.packages, self._epoch, self._locales)) is not None:
            return
        packages = self._new(image)
        is_own = compiling.architecture in {p.architecture for p in image.packages} and not compiling.standalone
        packages.begin(unpack_interpreter=is_own)
        self._packages[image.digests] = packages

    def interpreter_resolved(self, packages: DebianAnswer, compiling: Target) -> None:
        """Start the interpreter unless it runs already, and remember it for the next build."""
        found = _Interpreter(interpreter_key(packages.packages), compiling.suite.python, compiling.architecture)
        with self._guard:
            self._interpreter = found
        self._workers.processors.submit(self._start_interpreter, found)
        store = self._context.store
        if store.kept_as("steps", self._last, _Interpreter) != found:
            store.keep("steps", self._last, msgspec.json.encode(found))

    def packages(self, answer: DebianAnswer) -> DebianPackages:
        """Return the packages of an image, for a look at them before they are taken."""
        return self._packages.setdefault(answer.digests, self._packages.get(answer.digests) or self._new(answer))

    def take_packages(self, answer: DebianAnswer) -> DebianPackages:
        """Return the packages of an image: those already started, else new ones."""
        return self._packages.pop(answer.digests, None) or self._new(answer)

    def take_compiler(self, key: str) -> Compiler | None:
        """Return the interpreter with that key if it was started; the caller closes it."""
        with self._guard:
            self._unwanted.add(key)
            return self._compilers.pop(key, None)

    def _new(self, answer: DebianAnswer) -> DebianPackages:
        from grocker.layers.debian import DebianPackages

        return DebianPackages(self._context, self._workers, answer, epoch=self._epoch, locales=self._locales)

    def _start_interpreter(self, wanted: _Interpreter) -> None:
        """Start the interpreter if it is unpacked in the store."""
        with self._guard:
            if wanted.key in self._compilers:
                return
        store = self._context.store
        tree = store.tree(wanted.key) if self._backend_runs else store.own_tree(wanted.key)
        if tree is None:
            return
        from grocker.python import Compiler, InterpreterTree

        compiler = Compiler(InterpreterTree(tree, wanted.python, wanted.architecture))
        with self._guard:
            if self._is_closed or wanted.key in self._unwanted or wanted.key in self._compilers:
                return
            compiler.begin()
            self._compilers[wanted.key] = compiler


def _import_modules() -> None:
    for name in _MODULES:
        import_module(name)
