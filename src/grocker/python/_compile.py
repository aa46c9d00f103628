"""The program that the image's interpreter runs to compile: read as text by ``bytecode``, never imported.

Standard input and output carry length-prefixed frames (8 bytes, big endian, then that many bytes). A request is two
frames: the path that the code will name as its file, then the source. An answer is one byte, ``+`` or ``-``, and one
frame: the whole ``.pyc`` (PEP 552, unchecked hash), or why the source does not compile. The first answer, to no
request, identifies the interpreter: prefix, magic number, cache tag.
"""

import _imp
import marshal
import sys

# Not from importlib.util: that takes 20 ms more to start, because nothing that the interpreter imports is compiled.
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any
else:
    CodeType = type(compile("", "", "exec"))

SINGLE = [sys.intern(chr(number)) for number in range(256)]
"""There is one object for each string of one Latin-1 character; once a name is like it, it is interned for all."""


_HAS_QUALIFIED_NAMES = hasattr(CodeType, "co_qualname")
"""from 3.11 on"""
_REPLACED = (
    *(["co_linetable"] if hasattr(CodeType, "co_linetable") else ["co_lnotab"]),
    *(["co_exceptiontable"] if hasattr(CodeType, "co_exceptiontable") else []),
)
"""tables of lines, 3.9's under another name, and of exceptions, from 3.11 on"""


class Seen:
    """The first object of each kind and value in a file: the table lives until its bytes are written."""

    __slots__ = ("constants", "strings", "tables")

    def __init__(self) -> None:
        self.strings: dict[str, str] = {}
        self.tables: dict[object, Any] = {}
        """names of code objects, and their tables of lines and exceptions"""
        self.constants: dict[object, Any] = {}


def canonical(code: CodeType) -> "tuple[CodeType, Seen]":
    """The same code in a form that depends on the source alone, and the objects that must live until it is written.

    Without this the bytes depend on which strings are interned in the process, and so on what else it compiled:

    - ``intern_constants`` (CPython, Objects/codeobject.c) makes a frozenset anew, and unshared, in each function when
      one of its strings is interned already (seen with Django's test/runner.py);
    - a qualified name that is a constant too is interned or not as the constant (numpy's test_randomstate.py);
    - marshal (Python/marshal.c, w_ref) marks what others refer to.

    Here equal constants are one object, whether a string is interned follows from its text and the names in the file,
    and the table that is returned refers to everything.
    """
    seen = Seen()
    hold_names(code, seen.strings)
    return rebuilt(code, seen), seen


def hold_names(code: CodeType, strings: "dict[str, str]") -> None:
    """Put all names of ``code`` and of the code in it into ``strings``, interned."""
    own = (code.co_name, *([code.co_qualname] if _HAS_QUALIFIED_NAMES else ()))
    for names in (own, code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars):
        for name in names:
            if name not in strings:
                strings[name] = sys.intern(name)
    for one in code.co_consts:
        if type(one) is CodeType:
            hold_names(one, strings)


def rebuilt(code: CodeType, seen: Seen) -> CodeType:
    """``code`` with constants, names and tables out of ``seen``."""
    first = seen.tables.setdefault
    return code.replace(
        co_consts=tuple(
            [rebuilt(one, seen) if type(one) is CodeType else constant(one, seen) for one in code.co_consts]
        ),
        co_names=first(code.co_names, code.co_names),
        co_name=seen.strings[code.co_name],
        **tables(code, seen),
    )


def tables(code: CodeType, seen: Seen) -> "dict[str, Any]":
    """The parts of ``code`` that only some releases have: lines, exceptions, qualified name."""
    first = seen.tables.setdefault
    names = [name for name in ("co_linetable", "co_lnotab", "co_exceptiontable") if name in _REPLACED]
    found: dict[str, Any] = {name: first(getattr(code, name), getattr(code, name)) for name in names}
    if _HAS_QUALIFIED_NAMES:
        found["co_qualname"] = seen.strings[code.co_qualname]
    return found


def constant(one: "Any", seen: Seen) -> "Any":
    """The constant equal to ``one`` that was met first: equal in type too, 0.0 is not -0.0."""
    kind = type(one)
    if kind is str:
        found = seen.strings.get(one)
        if found is None:
            # The rule of all_name_chars (codeobject.c); any other string is made anew, so that it is not interned.
            name = not one or (one.isascii() and one.replace("_", "a").isalnum())
            found = seen.strings[one] = sys.intern(one) if name else (one + "x")[:-1]
        return found
    key: object
    if one is None or kind is bool:
        return one  # there is one of each
    if kind is int or kind is bytes:
        key = kind, one
    elif kind is tuple:
        # Equal parts are one object by now, which the table holds.
        one = tuple([constant(part, seen) for part in one])
        key = kind, tuple([id(part) for part in one])
    else:
        if kind is frozenset:
            one = frozenset([constant(part, seen) for part in one])
        try:
            key = kind, marshal.dumps(one, 2)
        except ValueError:  # slices, constants from 3.14 on, are not in version 2 of the format
            key = kind, repr(one).encode("utf-8", "surrogatepass")
    return seen.constants.setdefault(key, one)


def main() -> None:
    read = sys.stdin.buffer.read
    write = sys.stdout.buffer.write
    flush = sys.stdout.buffer.flush
    magic = int.from_bytes(MAGIC_NUMBER, "little")

    def frame(mark: bytes, data: bytes) -> None:
        write(mark)
        write(len(data).to_bytes(8, "big"))
        write(data)
        flush()

    identity = "\n".join((sys.prefix, MAGIC_NUMBER.hex(), str(sys.implementation.cache_tag)))
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
            del seen
        except Exception as error:  # noqa: BLE001 - any error of the compiler is an answer
            frame(b"-", (type(error).__name__ + ": " + str(error)).encode("utf-8", "backslashreplace"))
            continue
        frame(b"+", MAGIC_NUMBER + b"\1\0\0\0" + _imp.source_hash(magic, source) + body)


main()
