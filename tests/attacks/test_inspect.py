"""Images of others that are only looked at: bounded in memory and time, and none of them controls the terminal."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.cli.rendering import json_line
from grocker.cli.terminal import Style, printable_output
from grocker.errors import CorruptError
from grocker.tar.limits import find_members, open_tar
from tests.attacks.test_memory import peak

pytestmark = pytest.mark.slow

MB = 1 << 20


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def packed(parts: Iterator[bytes]) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as stream:
        for part in parts:
            stream.write(part)
    return out.getvalue()


def zeros(count: int) -> Iterator[bytes]:
    return (bytes(MB) for _ in range(count))


def forged_pax_header() -> bytes:
    return packed(iter([header("x", 2 << 30, tarfile.XHDTYPE), *zeros(300)]))


def forged_long_name() -> bytes:
    return packed(iter([header("x", 1 << 30, tarfile.GNUTYPE_LONGNAME), *zeros(300)]))


def member_of_zeros() -> bytes:
    return packed(iter([header("x", 40 << 30), *zeros(400)]))


def endless_members() -> bytes:
    one = header("x", 0)
    return packed(one * 2000 for _ in range(100))


def plain_pax_header() -> bytes:
    return header("x", 2 << 30, tarfile.XHDTYPE) + bytes(MB)


def negative_size() -> bytes:
    return header("x", 0)[:124] + b"\xff" * 12 + header("x", 0)[136:]


def malformed_pax() -> bytes:
    body = b"99999999999999999999 path=x\n"
    return header("x", len(body), tarfile.XHDTYPE) + body.ljust(512, b"\0") + header("y", 0)


ATTACKS = [
    *(forged_pax_header, forged_long_name, member_of_zeros, endless_members, plain_pax_header, negative_size),
    malformed_pax,
]


@pytest.mark.timeout(100)
@pytest.mark.parametrize("attack", ATTACKS)
def test_archive_is_corrupt_before_it_takes_time_or_memory(attack) -> None:  # type: ignore[no-untyped-def]
    data = attack()
    with pytest.raises(CorruptError, match="it"), open_tar(io.BytesIO(data), "it") as archive:
        for member in find_members(archive):
            stream = archive.extractfile(member) if member.isreg() else None
            while stream is not None and stream.read(MB):
                pass
        raise CorruptError("it ended")  # nothing was wrong with what is there


INSPECT = """
import sys
from grocker.cli.main import run
print("STATUS", run(["inspect", "archive:" + sys.argv[1]]))
"""


@pytest.mark.timeout(100)
@pytest.mark.parametrize("attack", [forged_pax_header, member_of_zeros, endless_members, plain_pax_header])
def test_inspect_of_an_archive_takes_little_memory(tmp_path: Path, attack, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("GROCKER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "image.tar").write_bytes(attack())
    used, done = peak(INSPECT, str(tmp_path / "image.tar"))
    assert "STATUS 65" in done.stdout, done.stderr
    assert used < 500 * MB


def test_archive_is_read_when_it_is_honest() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(200):
            info = tarfile.TarInfo(f"{'ä' * 60}/{number}")
            info.size = 100_000
            archive.addfile(info, io.BytesIO(bytes(100_000)))
    two_members = gzip.compress(gzip.decompress(out.getvalue())[:100_352]) + gzip.compress(
        gzip.decompress(out.getvalue())[100_352:]
    )
    for data in (out.getvalue(), gzip.decompress(out.getvalue()), two_members):
        with open_tar(io.BytesIO(data), "it") as archive:
            assert len(list(find_members(archive))) == 200


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\x1b[2J", "\x9b2J", "a\rb", "\u202egnp.exe", "\x08", "\x7f"])
def test_text_that_controls_a_terminal_is_escaped(text: str) -> None:
    for style in (Style(colour=False), Style(colour=True)):
        shown = printable_output(f"label={text}\n  {style.bold('name')}\n", style)
        assert text not in shown
        assert style.bold("name") in shown
        assert shown.count("\n") == 2
    line = json_line({"label": text})
    assert line.isascii() or line.rstrip("\n").isprintable()
    assert json.loads(line) == {"label": text}
