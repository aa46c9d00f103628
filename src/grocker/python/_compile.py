"""The program that the image's interpreter runs to compile: read as text by ``bytecode``, never imported.

Standard input and output carry length-prefixed frames (8 bytes, big endian, then that many bytes). A request is two
frames: the path that the code will name as its file, then the source. An answer is one byte, ``+`` or ``-``, and one
frame: the whole ``.pyc`` (PEP 552, unchecked hash), or why the source does not compile. The first answer, to no
request, says who is answering: prefix, magic number, cache tag.
"""

import _imp
import importlib.util
import marshal
import sys
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing costs 10 ms
    from typing import Any


def canonical(code: CodeType, seen: "dict[object, Any]") -> CodeType:
    """The same code, its equal constants one object each, and all that it refers to held by ``seen``.

    Without this the bytes depend on which strings are interned in the process, that is on what else it compiled:
    ``intern_constants`` (CPython, Objects/codeobject.c) makes a frozenset anew, and unshared, in each function when one
    of its strings is interned already; and marshal (Python/marshal.c, w_ref) marks what others refer to.
    Seen with Django's test/runner.py under 3.11 to 3.13.
    """
    own = (code.co_name, code.co_qualname)
    for names in (own, code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars):
        for name in names:
            seen.setdefault(name, name)
    return code.replace(
        co_consts=tuple(
            canonical(one, seen) if isinstance(one, CodeType) else constant(one, seen) for one in code.co_consts
        ),
        co_names=kept(code.co_names, seen),
        co_linetable=kept(code.co_linetable, seen),
        co_exceptiontable=kept(code.co_exceptiontable, seen),
    )


def constant(one: "Any", seen: "dict[object, Any]") -> "Any":
    """The constant equal to ``one`` that was met first: equal in type too, 0.0 is not -0.0."""
    if isinstance(one, tuple):
        one = tuple(constant(part, seen) for part in one)
    elif isinstance(one, frozenset):
        one = frozenset(constant(part, seen) for part in one)
    try:
        key = marshal.dumps(one, 2)
    except ValueError:  # slices, constants from 3.14 on, are not in version 2 of the format
        key = repr(one).encode("utf-8", "surrogatepass")
    return seen.setdefault((type(one), key), one)


def kept(one: "Any", seen: "dict[object, Any]") -> "Any":
    """The value equal to ``one`` that was met first."""
    return seen.setdefault((type(one), one), one)


def main() -> None:
    read = sys.stdin.buffer.read
    write = sys.stdout.buffer.write
    flush = sys.stdout.buffer.flush
    raw_magic = importlib.util.MAGIC_NUMBER
    magic = int.from_bytes(raw_magic, "little")

    def frame(mark: bytes, data: bytes) -> None:
        write(mark)
        write(len(data).to_bytes(8, "big"))
        write(data)
        flush()

    identity = "\n".join((sys.prefix, raw_magic.hex(), str(sys.implementation.cache_tag)))
    frame(b"+", identity.encode("utf-8", "surrogateescape"))
    while True:
        head = read(8)
        if not head:
            return
        path = read(int.from_bytes(head, "big")).decode("utf-8", "surrogateescape")
        source = read(int.from_bytes(read(8), "big"))
        try:
            seen: dict[object, Any] = {}
            code = canonical(compile(source, path, "exec", dont_inherit=True, optimize=0), seen)
            body = marshal.dumps(code)
        except Exception as error:  # noqa: BLE001 - whatever a compiler says of a source is an answer
            frame(b"-", (type(error).__name__ + ": " + str(error)).encode("utf-8", "backslashreplace"))
            continue
        frame(b"+", raw_magic + b"\1\0\0\0" + _imp.source_hash(magic, source) + body)


main()
