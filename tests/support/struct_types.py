"""Keeps msgspec's struct types from being collected when the interpreter ends, which may crash it.

msgspec 0.18 to 0.22 free the description of a type's fields while another type still uses it
(``StructMeta_clear`` → ``TypeNode_Free``). The command line leaves by ``os._exit`` and is not concerned.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import msgspec


def keep_struct_types() -> None:
    """Add a reference to every struct type: what is still in use is not collected."""
    for kind in _below(msgspec.Struct):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kind))


def _below(kind: type) -> Iterator[type]:
    below: list[type] = type.__subclasses__(kind)
    for one in below:
        yield one
        yield from _below(one)
