"""The layer of a standalone interpreter, and the interpreter on the host to compile with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grocker.layers.debian import DebianPackages
from grocker.platforms.interpreters import STANDALONE
from grocker.python import InterpreterTree
from grocker.store import Store
from grocker.tar.entry import Entry, Symlink

PYTHON = f"{STANDALONE.prefix}/bin/python3"


def entries(files: Sequence[Entry], *, has_debian_python: bool) -> tuple[Entry, ...]:
    """Return the files of the layer: the archive's, and ``/usr/bin/python3`` for scripts unless it is Debian's."""
    return tuple(files) if has_debian_python else (*files, Symlink("usr/bin/python3", f"/{PYTHON}"))


def unpack_interpreter(
    store: Store,
    key: str,
    packages: DebianPackages,
    python: str,
    architecture: str,
    files: Callable[[], Sequence[Entry]],
) -> InterpreterTree:
    """Return the interpreter unpacked on the host, with the libraries of ``packages``; kept under ``key``.

    ``python``: its release series. ``architecture``: the host's. ``files``: gives the archive's.
    """
    from grocker.tar.unpack import unpack

    with store.lock(f"tree-{key}"):
        tree = store.tree(key)
        if tree is None:
            with store.new_tree(key) as new:
                packages.unpack_interpreter(new)
                unpack(files(), new)
            tree = store.tree(key)
    assert tree is not None
    return InterpreterTree(tree, python, architecture, STANDALONE.prefix)
