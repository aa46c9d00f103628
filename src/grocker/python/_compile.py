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

SINGLE = [sys.intern(chr(number)) for number in range(256)]
"""There is one object for each string of one Latin-1 character; once a name is like it, it is interned for all."""


def canonical(code: CodeType) -> "tuple[CodeType, dict[object, Any]]":
    """The same code in a form that the source alone decides, and what must live until it is written.

    Without this the bytes depend on which strings are interned in the process, that is on what else it compiled:

    - ``intern_constants`` (CPython, Objects/codeobject.c) makes a frozenset anew, and unshared, in each function when
      one of its strings is interned already (seen with Django's test/runner.py);
    - a qualified name that is a constant too is interned or not as the constant (numpy's test_randomstate.py);
    - marshal (Python/marshal.c, w_ref) marks what others refer to.

    Here equal constants are one object, whether a string is interned follows from its text and the names in the file,
    and the table that is returned refers to everything.
    """
    seen: dict[object, Any] = {}
    hold_names(code, seen)
    return rebuilt(code, seen), seen


def hold_names(code: CodeType, seen: "dict[object, Any]") -> None:
    """Put all names of ``code`` and of the code in it into ``seen``, interned."""
    own = (code.co_name, code.co_qualname)
    for names in (own, code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars):
        for name in names:
            seen.setdefault((str, name), sys.intern(name))
    for one in code.co_consts:
        if isinstance(one, CodeType):
            hold_names(one, seen)


def rebuilt(code: CodeType, seen: "dict[object, Any]") -> CodeType:
    """``code`` with constants, names and tables out of ``seen``."""
    return code.replace(
        co_consts=tuple(
            rebuilt(one, seen) if isinstance(one, CodeType) else constant(one, seen) for one in code.co_consts
        ),
        co_names=kept(code.co_names, seen),
        co_linetable=kept(code.co_linetable, seen),
        co_exceptiontable=kept(code.co_exceptiontable, seen),
        co_name=seen[str, code.co_name],
        co_qualname=seen[str, code.co_qualname],
    )


def constant(one: "Any", seen: "dict[object, Any]") -> "Any":
    """The constant equal to ``one`` that was met first: equal in type too, 0.0 is not -0.0."""
    if isinstance(one, str):
        if (str, one) not in seen:
            # The rule of all_name_chars (codeobject.c); any other string is made anew, so that it is not interned.
            name = not one or (one.isascii() and one.replace("_", "a").isalnum())
            seen[str, one] = sys.intern(one) if name else (one + "x")[:-1]
        return seen[str, one]
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
            code, seen = canonical(compile(source, path, "exec", dont_inherit=True, optimize=0))
            body = marshal.dumps(code)
            seen.clear()
        except Exception as error:  # noqa: BLE001 - whatever a compiler says of a source is an answer
            frame(b"-", (type(error).__name__ + ": " + str(error)).encode("utf-8", "backslashreplace"))
            continue
        frame(b"+", raw_magic + b"\1\0\0\0" + _imp.source_hash(magic, source) + body)


main()
