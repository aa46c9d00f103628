"""What is done while a project's back end runs and this process would only wait for it.

A changed line costs a back end, an interpreter that compiles, and modules to import, each tens of milliseconds: side by
side they cost as much as one of them. A first build has Debian's packages to decompress and compress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from grocker.builder.resolving import DebianAnswer
from grocker.builder.workshop import Workshop
from grocker.plan.layers import debian_key, interpreter_key
from grocker.platforms.target import Target

if TYPE_CHECKING:
    from grocker.builder.packages import Packages

AFTER = ("email.parser", "packaging.requirements", "packaging.tags", "grocker.python.wheel", "grocker.python.bytecode")
"""modules that reading any wheel and compiling it takes"""


def importing(names: Iterable[str]) -> Callable[[], None]:
    """A job that imports modules."""

    def job() -> None:
        for name in names:
            import_module(name)

    return job


def begin(shop: Workshop, answer: DebianAnswer, *, runs_here: bool) -> None:
    """Start with the packages of an image, if their layer is to be made; ``runs_here``: their interpreter compiles."""
    if shop.makes and shop.store.kept("steps", debian_key(answer.packages, shop.epoch)) is None:
        packages = begun(shop, answer)
        packages.begin(unpack_interpreter=runs_here)
        shop.begun[_digests(answer)] = packages


def begun(shop: Workshop, answer: DebianAnswer) -> Packages:
    """The packages of an image: those that were begun ahead of need, if they were."""
    from grocker.builder.packages import Packages

    found = shop.begun.pop(_digests(answer), None)
    return found if isinstance(found, Packages) else Packages(shop, answer)


def _digests(answer: DebianAnswer) -> tuple[str, ...]:
    return tuple(package.sha256 for package in answer.packages)


def start_interpreter(shop: Workshop, packages: DebianAnswer, target: Target) -> None:
    """Start the interpreter in ``packages`` if it lies unpacked already; ``shop.interpreters`` has it then."""
    name = interpreter_key(packages.packages)
    tree = shop.store.tree(name)
    if tree is None or name in shop.interpreters:
        return
    from grocker.python import Compiler, Interpreter

    compiler = Compiler(Interpreter(tree, target.suite.python, target.architecture))
    compiler.begin()
    shop.interpreters[name] = compiler
