"""The layer of the application."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
import pytest

from grocker.errors import CorruptError
from grocker.layers.application import entries, find_data, hash_entries, refuse_below, split
from grocker.plan.documents import Documents
from grocker.tar.entry import Directory, Entry, File, Symlink, hide


def test_application_has_a_crontab_when_there_is_one() -> None:
    assert [entry.path for entry in entries((), Documents(b"{}", b""))] == [
        "opt/grocker/image.json",
        "opt/grocker/config/50_default_settings.ini",
    ]
    assert File("opt/grocker/crontab", b"@daily x\n") in entries((), Documents(b"{}", b"", b"@daily x\n"))


def test_application_has_its_wheels_files_below_its_documents() -> None:
    own = File("opt/venv/lib/python3.13/site-packages/polls.py", b"")
    assert entries((own,), Documents(b"{}", b""))[0] == own


def _files(directories: int = 100, each: int = 50) -> list[Entry]:
    return [File(f"opt/app/d{number}/f{one}.py", b"x = 1\n") for number in range(directories) for one in range(each)]


def _identities(files: list[Entry]) -> set[str]:
    return {hash_entries(part) for part in split(files)}


def test_ordinary_application_is_one_part() -> None:
    files = _files(4)
    assert split(files) == [sorted(files, key=lambda entry: entry.path.rpartition("/")[0])]


def test_large_application_is_parts_of_whole_directories() -> None:
    files = [*_files(), Directory("opt/app/d7/__pycache__"), File("opt/app/d7/__pycache__/f1.cpython-313.pyc", b"")]
    parts = split(files)
    assert sorted(entry.path for part in parts for entry in part) == sorted(entry.path for entry in files)
    assert [len(part) for part in parts if len(part) > 2100] == []
    assert 3 < len(parts) < 12
    for number in range(100):
        assert sum(any(entry.path.startswith(f"opt/app/d{number}/") for entry in part) for part in parts) == 1


@pytest.mark.parametrize("number", [0, 31, 99])
def test_change_is_one_of_one_part(number: int) -> None:
    files = _files()
    before = _identities(files)
    changed = [File(entry.path, b"x = 2\n") if entry.path == f"opt/app/d{number}/f7.py" else entry for entry in files]
    assert len(_identities(changed) - before) == 1
    assert len(_identities([*files, File(f"opt/app/d{number}/new.py", b"")]) - before) == 1
    assert len(_identities([*files, File(f"opt/app/d{number}/new/new.py", b"")]) - before) <= 2


class Large(msgspec.Struct, frozen=True):
    """A file too large to hold."""

    size: int = 1 << 23
    sha256: str = ""

    def chunks(self) -> Iterator[bytes]:
        yield from (b"x" * (1 << 20) for _ in range(self.size >> 20))


def test_large_file_is_a_part_of_its_own_when_there_is_another_one() -> None:
    large = [File(f"opt/app/{name}", Large(1 << 24)) for name in ("a", "b", "c")]
    small = File("opt/app/z.py", b"")
    assert split([*large, small]) == [[small, large[0]], [large[1]], [large[2]]]


def test_data_are_large_files_when_there_are_many_bytes_of_them() -> None:
    small, code = File("opt/app/a.bin", b"x" * (1 << 20)), File("opt/app/a.py", b"x")
    almost, large = File("opt/app/b.bin", Large((1 << 23) - (1 << 20))), File("opt/app/c.bin", Large())
    assert find_data([small, code, almost]) == []
    assert find_data([small, code, large]) == [large]
    assert find_data([small, almost, large]) == [almost, large]
    assert find_data([small, almost, large], {"opt/app/c.bin"}) == []


@pytest.mark.parametrize("path", ["a.py", "__pycache__/a.cpython-313.pyc", "demo-1.0.dist-info/RECORD"])
def test_modules_and_what_describes_a_wheel_are_no_data(path: str) -> None:
    """A wheel with many files has a RECORD of more than 1 MiB, which changes with every line."""
    large, other = File("site/model.bin", Large()), File(f"site/{path}", b"x" * (3 << 20))
    assert find_data([large, other]) == [large]


def test_large_bytecode_is_in_the_part_of_its_source() -> None:
    source, bytecode = File("site/a.py", b"x = 1\n"), File("site/__pycache__/a.cpython-313.pyc", b"x" * (3 << 20))
    between = [File(f"site/__more__/{number}.txt", b"") for number in range(2100)]
    [part] = [part for part in split([source, *between, bytecode]) if source in part]
    assert bytecode in part


def test_file_below_data_is_an_error() -> None:
    refuse_below({"opt/app/dist"}, [File("opt/app/dist.py", b""), File("opt/app/distant/x", b"")])
    with pytest.raises(CorruptError, match="/opt/app/dist/a/x is below /opt/app/dist, which is not a directory"):
        refuse_below({"opt/app/dist"}, [File("opt/app/dist/a/x", b"")])


def test_identity_of_a_large_file_is_that_of_its_bytes_known_or_read() -> None:
    read, known = Large(), Large(sha256=hashlib.sha256(b"x" * (1 << 23)).hexdigest())
    assert hash_entries([File("a", read)]) == hash_entries([File("a", known)])
    assert hash_entries([File("a", read)]) != hash_entries([File("a", Large(1 << 22))])


@pytest.mark.parametrize(
    "other",
    [
        File("a", b"2"),
        File("a", b"1", 0o755),
        File("a", b"1", uid=1),
        File("a", b"1", gid=1),
        File("a", b"1", capability=b"x"),
        File("b", b"1"),
        hide("a"),
        Symlink("a", "1"),
        Directory("a"),
    ],
)
def test_identity_is_that_of_all_attributes(other: Entry) -> None:
    assert hash_entries([File("a", b"1")]) == hash_entries([File("a", b"1")]) != hash_entries([other])
