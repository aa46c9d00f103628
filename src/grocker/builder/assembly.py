"""The layers of one image, each looked up or made: a method a layer, bottom first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Self

import msgspec

from grocker import debian, python
from grocker.builder import contents, libraries
from grocker.builder.ahead import begun
from grocker.builder.deciding import Decision
from grocker.builder.layers import Made, made
from grocker.builder.packages import Packages
from grocker.builder.resolving import python_target
from grocker.builder.wheels import Wheels
from grocker.builder.workshop import Workshop
from grocker.digest import Digest
from grocker.errors import BugError, CorruptError, MissingError
from grocker.lock.values import PythonFile
from grocker.plan.layers import Layer, key
from grocker.tar import member as members
from grocker.tar.entry import Entry
from grocker.tar.member import Member


class Assembly:
    """Makes the layers of a plan; used with ``with``, because the image's interpreter runs meanwhile."""

    def __init__(self, shop: Workshop, decision: Decision) -> None:
        self._shop = shop
        self._decision = decision
        self._plan = decision.plan
        self._user = decision.described.user
        self._packages = begun(shop, decision.packages)
        self._compiling = (
            self._packages if decision.compiling is decision.packages else Packages(shop, decision.compiling)
        )
        self._wheels = Wheels(
            shop,
            decision.index.files,
            decision.index.urls,
            uv=decision.uv,
            target=python_target(decision.target),
            interpreter=decision.plan.interpreter,
        )
        self._wheel_members: dict[Digest, Member] | None = None
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

    def layers(self) -> Iterator[Made]:
        """Every layer, bottom first, each as soon as it is there."""
        self._begin()
        plan, decision = self._plan, self._decision
        debian = made(self._shop, plan.debian, self._packages.members)
        yield debian
        yield made(self._shop, plan.generated, self._generated, lower=debian.directories)
        yield made(self._shop, plan.runner, lambda: self._alone(plan.runner, contents.runner(), "the runner"))
        for layer, file in plan.large:
            yield made(self._shop, layer, self._of([file]))
        if plan.wheels is not None:
            layer, files = plan.wheels
            yield made(self._shop, layer, self._of(files))
        environment = contents.environment(decision.lock.interpreter.version, decision.lock_text)
        application = (
            *decision.source.installed.entries,
            *contents.application(
                decision.application.image_json, decision.application.settings_ini, decision.application.crontab
            ),
        )
        own = (
            (plan.environment, environment, "the environment"),
            (plan.application, application, plan.application.inputs[0]),
        )
        for layer, entries, subject in own:
            yield made(self._shop, layer, partial(self._alone, layer, entries, subject))

    def missing_libraries(self) -> dict[str, tuple[str, ...]]:
        """By wheel the shared libraries that nothing in the image has."""
        wheels = [*(layer for layer, _ in self._plan.large), *([self._plan.wheels[0]] if self._plan.wheels else [])]
        name = key("libraries", debian.REVISION, self._plan.debian.key, [layer.key for layer in wheels])
        data = self._shop.store.kept("steps", name)
        if data is not None:
            return msgspec.json.decode(data, type=dict[str, tuple[str, ...]])
        provided = {library.soname for facts in self._packages.facts() for library in facts.libraries}
        noted = {m.subject: msgspec.json.decode(m.note, type=libraries.Libraries | None) for m in self._all_wheels()}
        lacking = libraries.missing({name: one for name, one in noted.items() if one is not None}, provided)
        self._shop.store.keep("steps", name, msgspec.json.encode(lacking))
        return lacking

    def uncovered(self) -> tuple[tuple[str, str, str], ...]:
        """Maintainer scripts that are neither inert nor done statically: package, script, reason."""
        return msgspec.json.decode(self._configuration().note, type=tuple[tuple[str, str, str], ...])

    def _begin(self) -> None:
        """Start transfers and compression ahead of need, unless every layer is kept already."""
        store = self._shop.store
        if any(store.kept("steps", layer.key) is None for layer in (self._plan.debian, self._plan.generated)):
            self._packages.begin()
        wheels = [layer for layer, _ in self._plan.large]
        wheels += [self._plan.wheels[0]] if self._plan.wheels else []
        if any(store.kept("steps", layer.key) is None for layer in wheels):
            self._wheels.begin()
            self._early = self._beside.submit(self._wheels_behind_packages)

    def _wheels_behind_packages(self) -> dict[Digest, Member]:
        # The lowest layer comes first: an engine may unpack it while wheels are made (``output.sink.Early``).
        self._packages.wait()
        return self._wheels.members(self._running)

    def _generated(self) -> list[Member]:
        return [self._configuration(), *self._packages.bytecode(self._running(), self._plan.interpreter)]

    def _configuration(self) -> Member:
        name = key("configuration", debian.REVISION, self._plan.generated.key)
        return self._packages.configuration(name, user=self._user.name, uid=self._user.uid)

    def _of(self, files: Iterable[PythonFile]) -> Callable[[], list[Member]]:
        def parts() -> list[Member]:
            self._all_wheels()
            assert self._wheel_members is not None
            return [self._wheel_members[f.sha256] for f in files]

        return parts

    def _all_wheels(self) -> list[Member]:
        if self._wheel_members is None:
            if self._early is not None:
                self._wheel_members = self._early.result()
            else:
                self._wheel_members = self._wheels.members(self._running) if self._decision.index.files else {}
        return list(self._wheel_members.values())

    def _alone(self, layer: Layer, entries: Iterable[Entry], subject: str) -> list[Member]:
        """The one member of a layer that is the application's or Grocker's own."""
        name = key("own", layer.key)
        found = members.kept(self._shop.store, name)
        if found is None:
            compiled = python.with_bytecode(self._running(), entries)
            found = members.make(self._shop.store, name, compiled, subject=subject, epoch=self._shop.epoch)
        return [found]

    def _running(self) -> python.Compiler:
        """The image's interpreter, started when the first file is to be compiled."""
        with self._starting:
            if self._compiler is None:
                started = self._shop.interpreters.pop(self._compiling.interpreter_key, None)
                if started is None:
                    started = python.Compiler(self._compiling.interpreter(self._decision.target.suite.python))
                try:
                    self._compiler = self._open.enter_context(started)
                except (BugError, MissingError) as error:
                    self._shop.store.forget_tree(self._compiling.interpreter_key)
                    raise CorruptError(
                        f"the kept interpreter was damaged: {error.message}", hint="it was removed: build again"
                    ) from error
            return self._compiler
