"""The layers of one image, each looked up or made: a method a layer, bottom first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import msgspec

from grocker import python
from grocker.builder import contents
from grocker.builder.layers import Made, made
from grocker.builder.packages import Packages
from grocker.builder.resolving import DebianAnswer, PythonAnswer, python_target
from grocker.builder.wheels import Wheels
from grocker.builder.workshop import Workshop
from grocker.digest import Digest
from grocker.layer import member as members
from grocker.layer.entry import Entry
from grocker.layer.member import Member
from grocker.lock.values import PythonFile
from grocker.plan.steps import Layer, Plan, key
from grocker.plan.target import Target


class Assembly:
    """Makes the layers of a plan; used with ``with``, because the image's interpreter runs meanwhile."""

    def __init__(self, shop: Workshop, plan: Plan, target: Target, packages: DebianAnswer, index: PythonAnswer) -> None:
        self._shop = shop
        self._plan = plan
        self._target = target
        self._packages = Packages(shop, packages.packages, packages.mirrors)
        self._wheels = Wheels(shop, index.files, index.urls, target=python_target(target), interpreter=plan.interpreter)
        self._wheel_members: dict[Digest, Member] | None = None
        self._compiler: python.Compiler | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def layers(self, *, user: str, uid: int, environment: Iterable[Entry], application: Iterable[Entry]) -> list[Made]:
        """Every layer, bottom first. ``environment``, ``application``: what is in those two, without bytecode."""
        self._begin()
        plan = self._plan
        debian = made(self._shop, plan.debian, self._packages.members)
        result = [
            debian,
            made(self._shop, plan.generated, lambda: self._generated(user, uid), lower=debian.directories),
            made(self._shop, plan.runner, lambda: [self._own(plan.runner, contents.runner(), "the runner")]),
        ]
        for layer, file in plan.large:
            result.append(made(self._shop, layer, self._of([file])))
        if plan.wheels is not None:
            layer, files = plan.wheels
            result.append(made(self._shop, layer, self._of(files)))
        result.append(
            made(self._shop, plan.environment, lambda: [self._own(plan.environment, environment, "the environment")])
        )
        subject = plan.application.inputs[0]
        result.append(made(self._shop, plan.application, lambda: [self._own(plan.application, application, subject)]))
        return result

    def uncovered(self, *, user: str, uid: int) -> tuple[tuple[str, str, str], ...]:
        """Maintainer scripts that are neither inert nor done statically: package, script, reason."""
        note = self._configuration(user, uid).note
        return msgspec.json.decode(note, type=tuple[tuple[str, str, str], ...])

    def _begin(self) -> None:
        """Start transfers and compression ahead of need, unless every layer is kept already."""
        store = self._shop.store
        if any(store.kept("steps", layer.key) is None for layer in (self._plan.debian, self._plan.generated)):
            self._packages.begin()
        wheels = [layer for layer, _ in self._plan.large]
        wheels += [self._plan.wheels[0]] if self._plan.wheels else []
        if any(store.kept("steps", layer.key) is None for layer in wheels):
            self._wheels.begin()

    def _generated(self, user: str, uid: int) -> list[Member]:
        return [self._configuration(user, uid), *self._packages.bytecode(self._running())]

    def _configuration(self, user: str, uid: int) -> Member:
        return self._packages.configuration(key("configuration", self._plan.generated.key), user=user, uid=uid)

    def _of(self, files: Iterable[PythonFile]) -> Callable[[], list[Member]]:
        def parts() -> list[Member]:
            if self._wheel_members is None:
                self._wheel_members = self._wheels.members(self._running())
            return [self._wheel_members[f.sha256] for f in files]

        return parts

    def _own(self, layer: Layer, entries: Iterable[Entry], subject: str) -> Member:
        """The one member of a layer that is the application's or Grocker's own."""
        name = key("own", layer.key)
        found = members.kept(self._shop.store, name)
        if found is not None:
            return found
        compiled = python.with_bytecode(self._running(), entries)
        return members.make(self._shop.store, name, compiled, subject=subject, epoch=self._shop.epoch)

    def _running(self) -> python.Compiler:
        """The image's interpreter, started when the first file is to be compiled."""
        if self._compiler is None:
            interpreter = self._packages.interpreter(self._target.suite.python, self._target.architecture)
            self._compiler = self._open.enter_context(python.Compiler(interpreter))
        return self._compiler
