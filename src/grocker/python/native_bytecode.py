"""Bytecode for an interpreter that is emulated, compiled by the same one of this host's architecture.

It lies apart from the sources, where PYTHONPYCACHEPREFIX says (PEP 3147), so that a back end that copies directories
finds what it would find on a host of the image's architecture. Emulated, a back end spends most of its time without.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from grocker.context import Context
from grocker.python.bytecode import FORMAT, Compiler
from grocker.python.toolchain import BuildRoot, Toolchain
from grocker.sandbox.run import is_left
from grocker.sandbox.sandbox import Bind
from grocker.store.writing import storage
from grocker.tar.keys import cache_key

_PLACE = "/bytecode"
"""where it is in the sandbox"""

BYTECODE_VARIABLES = {"PYTHONPYCACHEPREFIX": _PLACE}
"""of an emulated interpreter"""


class NativeBytecode(msgspec.Struct, frozen=True):
    """What a sandbox has of it."""

    binds: tuple[Bind, ...] = ()
    variables: Mapping[str, str] = {}


def prepare_bytecode(
    context: Context, toolchain: Toolchain, root: BuildRoot, environment: Path, prefix: str
) -> NativeBytecode:
    """Return bytecode of the interpreter's library and of an environment, or none if nothing is emulated.

    ``environment``: a stored tree, which has it at ``prefix``. The bytecode is kept.
    """
    compiler = toolchain.native_compiler()
    if compiler is None:
        return NativeBytecode()
    library = f"lib/python{toolchain.target.python}"
    binds = (
        _bind(context, compiler, root.key, root.tree, f"{toolchain.target.prefix}/{library}"),
        _bind(context, compiler, environment.name, environment, f"{prefix}/{library}"),
    )
    return NativeBytecode(binds, BYTECODE_VARIABLES)


def _bind(context: Context, compiler: Compiler, key: str, tree: Path, directory: str) -> Bind:
    store, name = context.store, cache_key("bytecode apart", FORMAT, key, directory)
    with store.lock(f"tree-{name}"):
        found = store.tree(name)
        if found is None:
            with store.new_tree(name) as new:
                _compile(context, compiler, tree, directory, new)
            found = store.tree(name)
    assert found is not None
    return Bind(found / directory, f"{_PLACE}/{directory}")


def _compile(context: Context, compiler: Compiler, tree: Path, directory: str, new: Path) -> None:
    with storage("writing to the cache", new):
        (new / directory).mkdir(parents=True)
        modules = sorted(path for path in (tree / directory).rglob("*.py") if is_left(path))
        what = f"compiling {len(modules)} Python modules for the emulated interpreter"
        with context.progress.task(what, len(modules)) as task, compiler:
            sources = ((str(path.relative_to(tree)), path.read_bytes()) for path in modules)
            for path, bytecode in compiler.compile(sources):
                place = new / path.replace("/__pycache__/", "/")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(bytecode)
                task.advance(1)
