"""The tools of one image's recipes: its packages, its wheels, and its running interpreter."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from grocker import python
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.digest import Digest
from grocker.errors import BugError, CorruptError, MissingError
from grocker.inputs.index import wheel_target
from grocker.layers.debian import DebianPackages
from grocker.layers.wheels import IndexWheels
from grocker.plan.layers import DEBIAN_KINDS, WHEEL_KINDS
from grocker.plan.plan import Plan
from grocker.platforms.target import Target
from grocker.resolve.collected_files import StaticFiles
from grocker.resolve.resolve import StandaloneInterpreters
from grocker.runner.contract import installed_files
from grocker.tar.entry import Entry
from grocker.tar.member import Member


class Workbench:
    """A context manager, because the image's interpreter runs until it exits."""

    def __init__(
        self,
        context: Context,
        plan: Plan,
        *,
        packages: DebianPackages,
        compiling: DebianPackages,
        wheels: IndexWheels,
        installed: python.Wheel,
        static: StaticFiles | None,
        interpreters: StandaloneInterpreters | None,
        target: Target,
        settings: Settings,
        compiler: python.Compiler | None,
    ) -> None:
        """``compiling``: the packages whose interpreter compiles; ``installed``: the application's wheel.

        ``static``: collected files. ``interpreters``: standalone ones, for the image of ``target`` and for the host.

        ``compiler``: that interpreter, if it was started already; it is closed with the workbench.
        """
        self.context = context
        self.plan = plan
        self.packages = packages
        self.installed = installed
        self.static = static
        self.settings = settings
        self.scheme = wheel_target(target).scheme()
        self._interpreters = interpreters
        self.target = target
        self._compiling = compiling
        self._wheels = wheels
        self._wheel_members: dict[Digest, Member] | None = None
        self._started = compiler
        self._compiler: python.Compiler | None = None
        self._starting = Lock()
        # Wheels are made beside the packages: they need no more of those than the interpreter.
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="wheels")
        self._early: Future[dict[Digest, Member]] | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beside.shutdown(wait=True, cancel_futures=True)
        self._open.close()
        if self._started is not None:
            self._started.close()

    def begin(self) -> None:
        """Start transfers and compression ahead of need, unless every layer is in the store."""
        store = self.context.store
        missing = {layer.kind for layer in self.plan.layers if store.kept("steps", layer.key) is None}
        if missing & DEBIAN_KINDS:
            self.packages.begin()
        if missing & WHEEL_KINDS:
            self._wheels.begin()
            self._early = self._beside.submit(self._wheels_behind_packages)

    def wheel_members(self) -> dict[Digest, Member]:
        """Return every wheel's member, by its sha256; the first call builds them."""
        if self._wheel_members is None:
            if self._early is not None:
                self._wheel_members = self._early.result()
            else:
                self._wheel_members = self._wheels.members(self.compiler)
        return self._wheel_members

    def wheel_faults(self) -> dict[str, tuple[str, ...]]:
        """See IndexWheels.faults."""
        return self._wheels.faults()

    def wheel_collisions(self) -> tuple[python.Collision, ...]:
        """See IndexWheels.collisions."""
        return self._wheels.collisions(self.compiler)

    @property
    def has_debian_python(self) -> bool:
        """Whether the image has Debian's ``/usr/bin/python3``."""
        return self.packages.has_debian_python

    @property
    def sees_debian_modules(self) -> bool:
        """Whether the application can import the modules of Debian's packages."""
        return bool(self.settings.debian.python_packages)

    @property
    def runner_python(self) -> str:
        """The absolute path of the interpreter that runs the runner."""
        from grocker.layers import interpreter

        return installed_files.PYTHON if self.plan.standalone is None else f"/{interpreter.PYTHON}"

    def interpreter_files(self) -> tuple[Entry, ...]:
        """Return the files of the image's standalone interpreter."""
        assert self._interpreters is not None
        return self._interpreters.source.read(self.target)

    def compiler(self) -> python.Compiler:
        """Return the image's interpreter, started when the first file is to be compiled. Any thread may call it.

        Raises CorruptError if the unpacked interpreter does not run; it is then removed.
        """
        with self._starting:
            if self._compiler is None:
                self.context.store.share_tree(self.plan.interpreter)
                started = self._started or python.Compiler(self._interpreter())
                self._started = None
                try:
                    self._compiler = self._open.enter_context(started)
                except (BugError, MissingError) as error:
                    self.context.store.forget_tree(self.plan.interpreter)
                    raise CorruptError(
                        f"the cached interpreter is damaged: {error.message}",
                        hint="build again (the damaged files were deleted)",
                    ) from error
            return self._compiler

    def _interpreter(self) -> python.InterpreterTree:
        if self._interpreters is None:
            return self._compiling.interpreter(self.plan.python)
        from grocker.layers import interpreter

        host = replace(self.target, architecture=self._compiling.architecture)
        files = partial(self._interpreters.source.read, host)
        return interpreter.unpack_interpreter(
            self.context.store, self.plan.interpreter, self._compiling, host.python, host.architecture, files
        )

    def _wheels_behind_packages(self) -> dict[Digest, Member]:
        # The lowest layer comes first: an engine may unpack it while wheels are made.
        self.packages.wait()
        return self._wheels.members(self.compiler)
