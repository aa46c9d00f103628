"""The two archive formats inside a .deb, read strictly: what dpkg rejects is rejected, and what is unsafe.

Source: deb(5); ar(5); tar(5) (v7, ustar and GNU long names, which are what dpkg reads and writes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

_BLOCK = 512
_LARGEST = 8 << 30
"""bytes, decompressed, of one member: no package of Debian comes near it"""
_ALWAYS_ALLOWED = 256 << 20
"""bytes, decompressed, for which the ratio is not judged"""
_MOST_RATIO = 250
"""of what a member is decompressed to: disk images full of padding have some 50"""

_INPUT = 1 << 16
_CHUNK = 1 << 20
"""bytes of a compressed member, and of what it is decompressed to, at once"""

XZ_MEMORY = 256 << 20
"""bytes for the decompressor: xz -9 takes 65 MiB, a forged header asks for 4 GiB"""


class Malformed(ValueError):
    """A malformed archive, or one with unsafe paths."""


class TarMember(msgspec.Struct, frozen=True):
    """A member as its header describes it; ``name`` and ``target`` as written."""

    name: str
    kind: str
    """``file``, ``hardlink``, ``symlink`` or ``directory``"""
    mode: int
    uid: int
    gid: int
    user: str
    group: str
    target: str
    size: int
    """bytes of the content"""


def ar_members(data: bytes) -> dict[str, tuple[int, int]]:
    """The start and size of each member of an ar archive by name, in order. Raises Malformed."""
    if data[:8] != b"!<arch>\n":
        raise Malformed("not an ar archive")
    found: dict[str, tuple[int, int]] = {}
    position = 8
    while position < len(data):
        header = data[position : position + 60]
        if len(header) < 60 or header[58:] != b"`\n":
            raise Malformed("truncated or damaged: missing member header")
        name = header[:16].decode("latin-1").rstrip().removesuffix("/")
        try:
            size = int(header[48:58])
        except ValueError:
            raise Malformed(f"member {name!r} has no size") from None
        start = position + 60
        if size < 0 or start + size > len(data):
            raise Malformed(f"truncated in member {name}")
        if name in found:
            raise Malformed(f"duplicate member {name}")
        found[name] = (start, size)
        position = start + size + (size & 1)
    return found


class Stream:
    """Bytes that come in chunks, read once, from the beginning."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = memoryview(b"")
        self.position = 0
        """bytes passed"""

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        return b"".join(self._pieces(size))

    def skip(self, size: int) -> int:
        """Pass ``size`` bytes, fewer at the end; how many."""
        return sum(map(len, self._pieces(size)))

    def _pieces(self, size: int) -> Iterator[memoryview]:
        while size > 0:
            if not self._chunk:
                self._chunk = memoryview(next(self._chunks, b""))
                if not self._chunk:
                    return
            piece, self._chunk = self._chunk[:size], self._chunk[size:]
            size -= len(piece)
            self.position += len(piece)
            yield piece


def decompress(name: str, data: bytes | memoryview) -> Iterator[bytes]:
    """The content of the member ``name`` (``data.tar.xz``) by its suffix, in chunks. Raises Malformed."""
    if name.endswith(".tar"):
        yield bytes(data)
        return
    most = min(_LARGEST, max(_ALWAYS_ALLOWED, _MOST_RATIO * len(data)))
    done = 0
    for chunk in _decompressor(name)(name, data):
        done += len(chunk)
        if done > most:
            raise Malformed(f"{name} expands far beyond its size: the package is a decompression bomb")
        yield chunk


def _decompressor(name: str) -> Callable[[str, bytes | memoryview], Iterator[bytes]]:
    found = {".xz": _unxz, ".gz": _unzip}.get(name[name.rfind(".tar") + 4 :]) if ".tar" in name else None
    if found is None:
        raise Malformed(f"unsupported compression of {name}: expected xz or gz, got {_kind(name)}")
    return found


def _unxz(name: str, data: bytes | memoryview) -> Iterator[bytes]:
    import lzma

    unxz = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
    try:
        for start in range(0, len(data), _INPUT):
            packed = data[start : start + _INPUT]
            while plain := unxz.decompress(packed, _CHUNK):
                yield plain
                packed = b""
                if unxz.eof or unxz.needs_input:
                    break
            if unxz.eof:
                return
    except lzma.LZMAError as error:
        raise Malformed(f"{name} is not xz data: {error}") from error
    raise Malformed(f"{name} is truncated")


def _unzip(name: str, data: bytes | memoryview) -> Iterator[bytes]:
    import zlib

    unzip = zlib.decompressobj(wbits=31)
    try:
        for start in range(0, len(data), _INPUT):
            packed: bytes | memoryview = data[start : start + _INPUT]
            while plain := unzip.decompress(packed, _CHUNK):
                yield plain
                packed = unzip.unconsumed_tail
            if unzip.eof:
                return
    except zlib.error as error:
        raise Malformed(f"{name} is not gzip data: {error}") from error
    raise Malformed(f"{name} is truncated")


def _kind(name: str) -> str:
    end = name.rpartition(".")[2]
    return {"zst": "zstd"}.get(end, end)


def tar_members(stream: Stream) -> Iterator[TarMember]:
    """The members of a tar archive, in order. Raises Malformed.

    Whoever wants a member's content reads its ``size`` from the stream before asking for the next member.
    """
    end = 0
    long_name = long_target = ""
    while True:
        stream.skip(end - stream.position)
        header = stream.read(_BLOCK)
        if len(header) < _BLOCK:
            raise Malformed("the tar archive is truncated")
        if not header[0]:
            if any(header):
                raise Malformed("the tar archive has a member without a name")
            while stream.skip(_CHUNK):  # what it is decompressed from may be truncated
                pass
            return
        if _octal(header[148:156]) != sum(header) - sum(header[148:156]) + 256:
            raise Malformed("the tar archive is damaged: wrong header checksum")
        size = _number(header[124:136])
        kind = header[156:157]
        if kind in (b"1", b"2", b"5"):
            size = 0
        end = stream.position + (size + _BLOCK - 1) // _BLOCK * _BLOCK
        if kind == b"L":
            long_name = _text(stream.read(size))
            continue
        if kind == b"K":
            long_target = _text(stream.read(size))
            continue
        name = long_name or _text(header[:100])
        if not long_name and header[257:263] == b"ustar\0" and header[345]:
            name = _text(header[345:500]) + "/" + name
        target = long_target or _text(header[157:257])
        long_name = long_target = ""
        if kind in (b"0", b"\0", b"7"):
            shape = "file"
        elif kind == b"1":
            shape = "hardlink"
        elif kind == b"2":
            shape = "symlink"
        elif kind == b"5":
            shape = "directory"
        elif kind in (b"3", b"4", b"6"):
            what = {b"3": "a character device", b"4": "a block device", b"6": "a pipe"}[kind]
            raise Malformed(f"{name} is {what}")
        else:
            raise Malformed(f"{name} has the unknown type {kind!r}")
        yield TarMember(
            name,
            shape,
            _number(header[100:108]) & 0o7777,
            _number(header[108:116]),
            _number(header[116:124]),
            _text(header[265:297]) if header[257:262] == b"ustar" else "",
            _text(header[297:329]) if header[257:262] == b"ustar" else "",
            target if shape in ("hardlink", "symlink") else "",
            size,
        )


def _text(field: bytes) -> str:
    raw = field.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(f"the name {raw!r} is not UTF-8") from None


def _octal(field: bytes) -> int:
    text = field.strip(b" \0")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        raise Malformed(f"the tar archive is damaged: {field!r} is not an octal number") from None


def _number(field: bytes) -> int:
    if field[0] == 0x80:  # GNU: big-endian, where octal digits do not suffice
        return int.from_bytes(field[1:], "big")
    value = _octal(field)
    if value < 0:
        raise Malformed("the tar archive is damaged: a negative number")
    return value
