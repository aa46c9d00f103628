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


def main() -> None:
    read = sys.stdin.buffer.read
    write = sys.stdout.buffer.write
    flush = sys.stdout.buffer.flush
    raw_magic = importlib.util.MAGIC_NUMBER
    magic = int.from_bytes(raw_magic[:2], "little")

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
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
            body = marshal.dumps(code)
        except Exception as error:  # noqa: BLE001 - whatever a compiler says of a source is an answer
            frame(b"-", (type(error).__name__ + ": " + str(error)).encode("utf-8", "backslashreplace"))
            continue
        frame(b"+", raw_magic + b"\1\0\0\0" + _imp.source_hash(magic, source) + body)


main()
