"""Wheels that name a platform and hold nothing for it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from grocker.errors import CorruptError
from grocker.python import InstallScheme, WheelTarget, pure_wheel, read_wheel
from grocker.python.pure_wheel import read_member, replace_members, write_compiled_wheel, write_pure_wheel
from tests.support.wheels import Files, make_wheel

TAG = "cp311-cp311-linux_x86_64"


def test_wheel_without_native_code_becomes_one_for_all_platforms(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "in", "fast", files={"fast/__init__.py": "x = 1\n"}, tag=TAG)
    pure = write_pure_wheel(wheel, tmp_path)
    assert pure is not None
    assert pure.name == "fast-1.0-py3-none-any.whl"
    read = read_wheel(pure, InstallScheme("3.13"), WheelTarget("3.13", "arm64"))  # RECORD fits
    assert any(entry.path.endswith("fast/__init__.py") for entry in read.entries)


def test_compiled_wheel_keeps_its_name_and_is_the_same_whenever_it_was_packed(tmp_path: Path) -> None:
    files: Files = {"fast/_fast.so": b"\x7fELF", "fast/__init__.py": "x = 1\n"}
    written = []
    for number, time in enumerate([(2026, 1, 1, 0, 0, 0), (1980, 1, 1, 0, 0, 0)]):
        (tmp_path / str(number)).mkdir()
        wheel = make_wheel(tmp_path / f"in{number}", "fast", files=files, tag=TAG, time=time)
        path = write_compiled_wheel(wheel, tmp_path / str(number))
        assert path.name == wheel.name
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_pure_wheel_is_the_same_whenever_and_however_it_was_packed(tmp_path: Path) -> None:
    made = [
        make_wheel(tmp_path / "a", executable=["demo/__init__.py"]),
        make_wheel(
            tmp_path / "b", executable=["demo/__init__.py"], time=(2026, 1, 1, 0, 0, 0), compression=zipfile.ZIP_STORED
        ),
    ]
    written = []
    for number, wheel in enumerate(made):
        place = tmp_path / str(number)
        place.mkdir()
        path = write_pure_wheel(wheel, place)
        assert path is not None
        assert path.name == wheel.name
        read_wheel(path, InstallScheme("3.13"), WheelTarget("3.13"))
        written.append(path.read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "files", [{"fast/_x.cpython-311-x86_64-linux-gnu.so": b"1"}, {"fast/libx.so.1": b"1"}, {"fast/data": b"\x7fELF1"}]
)
def test_native_code_stays_what_it_is(tmp_path: Path, files: dict[str, bytes]) -> None:
    assert write_pure_wheel(make_wheel(tmp_path / "in", "fast", files=files, tag=TAG), tmp_path) is None


def test_malformed_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / f"fast-1.0-{TAG}.whl"
    wheel.write_bytes(b"PK")
    with pytest.raises(CorruptError, match="reading fast"):
        write_pure_wheel(wheel, tmp_path)


@pytest.mark.parametrize("changed", [["a.py"], ["z.txt"], ["a.py", "naïve/b.py", "z.txt"], []])
def test_wheel_with_replaced_members_is_the_one_written_anew(tmp_path: Path, changed: list[str]) -> None:
    files: Files = {"a.py": "x = 1\n", "naïve/b.py": "", "run.sh": "exit 1\n", "z.txt": b"\0" * 70_000}
    replaced = {name: name.encode() * number for number, name in enumerate(changed, 7)}
    pure = []
    for number, content in enumerate((files, {**files, **replaced})):
        (tmp_path / str(number)).mkdir()
        wheel = make_wheel(tmp_path / f"in{number}", files=content, executable=["run.sh"])
        written = write_pure_wheel(wheel, tmp_path / str(number))
        assert written is not None
        pure.append(written)
    record = "demo-1.0.dist-info/RECORD"
    assert replace_members(pure[0], {**replaced, record: read_member(pure[1], record)}, tmp_path / "new.whl")
    assert (tmp_path / "new.whl").read_bytes() == pure[1].read_bytes()


def test_members_are_not_replaced_when_there_are_as_many_as_need_another_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pure = write_pure_wheel(make_wheel(tmp_path / "in"), tmp_path)
    assert pure is not None
    monkeypatch.setattr(pure_wheel, "_LARGEST", pure.stat().st_size)
    assert replace_members(pure, {}, tmp_path / "new.whl")
    assert not replace_members(pure, {"demo/__init__.py": b"1"}, tmp_path / "other.whl")
    assert not (tmp_path / "other.whl").exists()
    monkeypatch.setattr(pure_wheel, "_MOST", 4)
    assert not replace_members(pure, {}, tmp_path / "other.whl")
