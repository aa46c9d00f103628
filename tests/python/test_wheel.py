from __future__ import annotations

import csv
import io
import posixpath
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError
from grocker.python import Collision, InstallScheme, WheelTarget, overlay, read_metadata, read_wheel
from grocker.python.metadata import Metadata
from grocker.python.record import line_hash
from grocker.python.wheel import add_directories
from grocker.python.wheel_archive import LARGE, ZipContent
from grocker.tar.entry import Directory, Entry, File
from tests.support.wheels import Files, make_wheel

LAYOUT = InstallScheme("3.13")
TARGET = WheelTarget("3.13", "amd64", (2, 41))
SITE = "opt/venv/lib/python3.13/site-packages"


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(44)


def content(entries: tuple[Entry, ...]) -> dict[str, tuple[bytes, int]]:
    return {
        entry.path: (entry.data if isinstance(entry.data, bytes) else b"".join(entry.data.chunks()), entry.mode)
        for entry in entries
        if isinstance(entry, File)
    }


def test_wheel_becomes_sorted_entries_of_the_image(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "Demo-App", files={"demo_app/__init__.py": "x = 1\n", "demo_app/data.txt": "hi"})
    wheel = read_wheel(path, LAYOUT, TARGET)
    assert (wheel.name, wheel.version, wheel.pure) == ("demo-app", "1.0", True)
    assert [entry.path for entry in wheel.entries] == [
        "opt",
        "opt/venv",
        "opt/venv/lib",
        "opt/venv/lib/python3.13",
        SITE,
        f"{SITE}/Demo_App-1.0.dist-info",
        f"{SITE}/Demo_App-1.0.dist-info/INSTALLER",
        f"{SITE}/Demo_App-1.0.dist-info/METADATA",
        f"{SITE}/Demo_App-1.0.dist-info/RECORD",
        f"{SITE}/Demo_App-1.0.dist-info/WHEEL",
        f"{SITE}/demo_app",
        f"{SITE}/demo_app/__init__.py",
        f"{SITE}/demo_app/data.txt",
    ]
    assert content(wheel.entries)[f"{SITE}/demo_app/__init__.py"] == (b"x = 1\n", 0o644)


def test_wheel_record_is_written_anew_when_installed(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo.py": "x = 1\n"}, entry_points="[console_scripts]\ndemo = demo:main\n")
    files = content(read_wheel(path, LAYOUT).entries)
    record = files[f"{SITE}/demo-1.0.dist-info/RECORD"][0].decode().splitlines()
    assert record[0].startswith("../../../bin/demo,sha256=")
    assert "demo.py,sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q,6" in record
    assert "demo-1.0.dist-info/RECORD,," in record
    assert [line.split(",")[0] for line in record] == sorted(line.split(",")[0] for line in record)
    assert len(record) == 7


def test_wheel_schemes_go_to_their_places(tmp_path: Path) -> None:
    path = make_wheel(
        tmp_path,
        files={
            "demo-1.0.data/purelib/pure.py": "",
            "demo-1.0.data/platlib/plat.py": "",
            "demo-1.0.data/data/share/man/man1/demo.1": "man",
            "demo-1.0.data/headers/demo.h": "h",
            "demo-1.0.data/scripts/run": "#!python -E\r\nprint()\n",
            "demo-1.0.data/scripts/sh": "#!/bin/sh\ntrue\n",
        },
    )
    files = content(read_wheel(path, LAYOUT).entries)
    assert f"{SITE}/pure.py" in files
    assert f"{SITE}/plat.py" in files
    assert files["opt/venv/share/man/man1/demo.1"] == (b"man", 0o644)
    assert files["opt/venv/include/site/python3.13/demo/demo.h"] == (b"h", 0o644)
    assert files["opt/venv/bin/run"] == (b"#!/opt/venv/bin/python\nprint()\n", 0o755)
    assert files["opt/venv/bin/sh"] == (b"#!/bin/sh\ntrue\n", 0o755)


def test_wheel_console_scripts_name_the_interpreter_of_the_image(tmp_path: Path) -> None:
    points = "[console_scripts]\nhello = demo.cli:Main.run [color]\n[gui_scripts]\nwin=demo:gui\n[other]\nx = demo\n"
    wheel = read_wheel(make_wheel(tmp_path, entry_points=points), LAYOUT)
    assert content(wheel.entries)["opt/venv/bin/hello"] == (
        (
            b"#!/opt/venv/bin/python\nimport sys\nfrom demo.cli import Main\n"
            b'if __name__ == "__main__":\n    sys.exit(Main.run())\n'
        ),
        0o755,
    )
    assert "opt/venv/bin/win" in content(wheel.entries)
    assert [(p.group, p.name, p.module, p.object) for p in wheel.entry_points] == [
        ("console_scripts", "hello", "demo.cli", "Main.run"),
        ("gui_scripts", "win", "demo", "gui"),
        ("other", "x", "demo", ""),
    ]


def test_wheel_keeps_execute_bits_and_nothing_else_of_modes_and_times(tmp_path: Path) -> None:
    files = {"demo/__init__.py": "", "demo/tool": "#!/bin/sh\n"}
    one = make_wheel(tmp_path / "1", files=files, executable=["demo/tool"])
    two = make_wheel(tmp_path / "2", files=files, executable=["demo/tool"], time=(2020, 9, 9, 9, 9, 8))
    assert one.read_bytes() != two.read_bytes()
    assert read_wheel(one, LAYOUT).entries == read_wheel(two, LAYOUT).entries
    modes = {path: mode for path, (_, mode) in content(read_wheel(one, LAYOUT).entries).items()}
    assert modes[f"{SITE}/demo/tool"] == 0o755
    assert modes[f"{SITE}/demo/__init__.py"] == 0o644


def test_wheel_large_file_is_read_only_when_it_is_written(tmp_path: Path) -> None:
    data = bytes(range(256)) * (LARGE // 256) + b"!"
    wheel = read_wheel(make_wheel(tmp_path, files={"demo/big": data}), LAYOUT)
    (big,) = (entry for entry in wheel.entries if entry.path.endswith("/big"))
    assert isinstance(big, File)
    assert isinstance(big.data, ZipContent)
    assert big.data.size == len(data)
    assert b"".join(big.data.chunks()) == data == b"".join(big.data.chunks())


def test_wheel_is_read_under_another_name_when_it_is_said(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, metadata="Requires-Python: >=3.9\nProvides-Extra: Big_One\n")
    kept = path.rename(tmp_path / "0123")
    assert read_wheel(kept, LAYOUT, TARGET, file="demo-1.0-py3-none-any.whl").file == "demo-1.0-py3-none-any.whl"
    metadata, _ = read_metadata(kept, file="demo-1.0-py3-none-any.whl")
    assert (metadata.name, metadata.requires_python, metadata.extras) == ("demo", ">=3.9", ("big-one",))


def member(name: str, data: bytes = b"x", mode: int = stat.S_IFREG | 0o644) -> tuple[zipfile.ZipInfo, bytes]:
    about = zipfile.ZipInfo(name)
    about.external_attr = mode << 16
    return about, data


BAD: dict[str, tuple[dict[str, object], str]] = {
    "path leaves the root": ({"more": [member("../evil.py")]}, "unsafe path '../evil.py'"),
    "path is absolute": ({"more": [member("/etc/passwd")]}, "unsafe path '/etc/passwd'"),
    "path leaves through a scheme": (
        {"more": [member("demo-1.0.data/data/../../../etc/x")]},
        "unsafe path",
    ),
    "path has a backslash": ({"more": [member("demo\\x.py")]}, "unsafe path"),
    "link": ({"more": [member("demo/link", b"/etc", stat.S_IFLNK | 0o777)]}, "is a link or a special file"),
    "another project in METADATA": (
        {"metadata_name": "other"},
        "METADATA is of other 1.0, contrary to the file name",
    ),
    "no name in METADATA": ({"metadata_name": " "}, "invalid project name ''"),
    "wheel format of the future": ({"wheel_version": "2.0"}, "wheel format 2.0"),
    "unknown scheme": ({"files": {"demo-1.0.data/etc/x": ""}}, "unknown install scheme etc"),
    "name that is too long": ({"files": {"demo/" + "ü" * 128: ""}}, "longer than Linux permits"),
    "path that is too long": ({"files": {"demo/" + "d/" * 2048 + "x": ""}}, "longer than Linux permits"),
    "name of a command that is too long": (
        {"entry_points": f"[console_scripts]\n{'x' * 256} = demo:main\n"},
        "longer than Linux permits",
    ),
    "file in the place of the environment's commands": (
        {"files": {"demo-1.0.data/data/bin": ""}},
        "it would overwrite the environment's own /opt/venv/bin",
    ),
    "it replaces the interpreter": ({"files": {"demo-1.0.data/scripts/python3": "x"}}, "own /opt/venv/bin/python3"),
    "it replaces pyvenv.cfg": ({"files": {"demo-1.0.data/data/pyvenv.cfg": "x"}}, "own /opt/venv/pyvenv.cfg"),
    "script name has a line break": ({"entry_points": "[console_scripts]\na\rb = demo:f\n"}, "invalid script name"),
    "script name is a path": ({"entry_points": "[console_scripts]\n../x = demo:f\n"}, "invalid script name '../x'"),
    "script names no function": ({"entry_points": "[console_scripts]\nx = demo\n"}, "does not name a function in demo"),
    "entry point is code": (
        {"entry_points": "[console_scripts]\nx = demo:f(); g\n"},
        "expected MODULE or MODULE:OBJECT",
    ),
    "entry points have no section": ({"entry_points": "x = demo:f\n"}, "entry_points.txt of demo-1.0"),
    "file below a file": ({"files": {"demo": "x", "demo-1.0.data/purelib/demo/x.py": ""}}, "which is a file"),
}


CARELESS: dict[str, tuple[dict[str, object], str]] = {
    "file that RECORD does not know": ({"more": [member("demo/x.py")]}, "demo/x.py is not in RECORD"),
    "file that is not there": ({"record": {"gone.py": "sha256=x"}}, "gone.py is in RECORD but not in the archive"),
    "hash mismatch": ({"record": {"demo/__init__.py": "sha256=AAAA"}}, "does not match its hash in RECORD (sha256)"),
    "weak hash": ({"record": {"demo/__init__.py": "md5=AAAA"}}, "expected a hash of at least sha256"),
    "no hash": ({"record": {"demo/__init__.py": ""}}, "RECORD has no hash for demo/__init__.py"),
    "two files at one place": (
        {"files": {"x.py": "1", "demo-1.0.data/purelib/x.py": "2"}},
        f"two files would be installed as /{SITE}/x.py",
    ),
    "sha1": ({"record": {"demo/__init__.py": "sha1=AAAA"}}, "expected a hash of at least sha256"),
    "another spelling": ({"record": {"./demo/__init__.py": "sha256=AAAA"}}, "is not a normalised path"),
    "backslashes": ({"record": {"demo\\__init__.py": "sha256=AAAA"}}, "is not a normalised path"),
    "no line for METADATA": ({"record": {"demo-1.0.dist-info/METADATA": None}}, "METADATA is not in RECORD"),
    "an entry point that nobody calls": (
        {"entry_points": "[my.plugins]\nlegacy = demo/legacy.py\n[console_scripts]\nx = demo:f\n"},
        "expected MODULE or MODULE:OBJECT",
    ),
}
"""what pip and uv install"""


@pytest.mark.parametrize("case", sorted(CARELESS))
def test_wheel_is_installed_with_a_right_record_though_there_is(case: str, tmp_path: Path) -> None:
    arguments, words = CARELESS[case]
    path = make_wheel(tmp_path, **arguments)  # type: ignore[arg-type]
    with pytest.raises(CorruptError, match=re.escape(words)):
        read_wheel(path, LAYOUT, TARGET, strict=True)
    wheel = read_wheel(path, LAYOUT, TARGET)
    assert words in "; ".join(wheel.faults) or case == "an entry point that nobody calls"
    files = {entry.path: entry for entry in wheel.entries if isinstance(entry, File)}
    own = f"{SITE}/demo-1.0.dist-info/RECORD"
    rows = {row[0]: row[1] for row in csv.reader(io.StringIO(content(wheel.entries)[own][0].decode()))}
    assert {posixpath.normpath(f"{SITE}/{path}") for path in rows} == set(files)
    assert rows["demo/__init__.py"] == line_hash(b"") if "demo/__init__.py" in rows else True


def test_few_faults_of_many_are_told(tmp_path: Path) -> None:
    files = {f"demo/{n}.py": "" for n in range(9)}
    wheel = read_wheel(make_wheel(tmp_path, files=files, record=dict.fromkeys(files)), LAYOUT)
    assert wheel.faults == (*(f"demo/{n}.py is not in RECORD" for n in range(3)), "and 6 more")


def test_file_of_a_scheme_wins_over_one_beside_it(tmp_path: Path) -> None:
    wheel = read_wheel(make_wheel(tmp_path, files={"x.py": "1", "demo-1.0.data/purelib/x.py": "2"}), LAYOUT)
    assert content(wheel.entries)[f"{SITE}/x.py"][0] == b"2"
    same = make_wheel(tmp_path, files={"x.py": "1", "demo-1.0.data/platlib/x.py": "1"})
    assert read_wheel(same, LAYOUT).faults == ()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_wheel_is_read_in_each_compression_that_python_knows(tmp_path: Path, method: int) -> None:
    path = make_wheel(tmp_path, files={"x.py": "1" * 99}, compression=method)
    assert content(read_wheel(path, LAYOUT).entries)[f"{SITE}/x.py"][0] == b"1" * 99
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(CorruptError):
        read_wheel(path, LAYOUT)


@pytest.mark.skipif(hasattr(zipfile, "ZIP_ZSTANDARD"), reason="this Python reads Zstandard")
@pytest.mark.parametrize(("method", "words"), [(93, "compressed with Zstandard"), (97, "compressed with method 97")])
def test_wheel_is_refused_with_the_reason_in_a_compression_that_python_does_not_know(
    tmp_path: Path, method: int, words: str
) -> None:
    path = make_wheel(tmp_path)
    data = path.read_bytes()
    central = data.index(b"PK\x01\x02")
    path.write_bytes(data[: central + 10] + struct.pack("<H", method) + data[central + 12 :])
    with pytest.raises(CorruptError, match=words) as caught:
        read_wheel(path, LAYOUT)
    assert "deflate" in str(caught.value.hint)


@pytest.mark.parametrize("case", sorted(BAD))
def test_wheel_is_refused_when(case: str, tmp_path: Path) -> None:
    arguments, words = BAD[case]
    path = make_wheel(tmp_path, **arguments)  # type: ignore[arg-type]
    with pytest.raises(CorruptError) as caught:
        read_wheel(path, LAYOUT, TARGET)
    assert words in caught.value.message
    assert "demo" in caught.value.message


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_wheel_is_refused_when_a_name_comes_twice(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, more=[member("demo/__init__.py", b"evil")])
    with pytest.raises(CorruptError, match="duplicate member"):
        read_wheel(path, LAYOUT)


@pytest.mark.parametrize("keep", [0, 10, 200, -1])
def test_wheel_is_refused_when_truncated(tmp_path: Path, keep: int) -> None:
    path = make_wheel(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CorruptError, match="truncated or malformed"):
        read_wheel(path, LAYOUT)


def test_wheel_is_refused_when_bytes_inside_are_damaged(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo/data": bytes(range(256)) * 40})
    data = bytearray(path.read_bytes())
    data[100:130] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(CorruptError, match="demo/data"):
        read_wheel(path, LAYOUT)


@pytest.mark.parametrize("declared", [(1 << 30) + 1, (4 << 30) - 2])
def test_wheel_is_refused_when_it_declares_more_than_it_can_hold(tmp_path: Path, declared: int) -> None:
    path = make_wheel(tmp_path, files={"demo/x": bytes(12_345)})
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 12_345), struct.pack("<L", declared)))
    with pytest.raises(CorruptError, match="the archive is a zip bomb"):
        read_wheel(path, LAYOUT)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(70 << 20,), (3 << 20,) * 30, (65 << 20, 1)])
def test_wheel_is_read_when_its_files_compress_a_thousandfold(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """An empty database or a template of zeros: pip and uv install it."""
    path = make_wheel(tmp_path, files={f"demo/{n}.bin": bytes(size) for n, size in enumerate(sizes)})
    assert path.stat().st_size * 100 < sum(sizes)
    found = {e.path: e.data for e in read_wheel(path, LAYOUT).entries if isinstance(e, File)}
    lengths = [found[f"{SITE}/demo/{n}.bin"] for n in range(len(sizes))]
    assert [len(one) if isinstance(one, bytes) else sum(map(len, one.chunks())) for one in lengths] == list(sizes)


def test_wheel_is_refused_when_a_size_is_a_lie(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo/data": b"\0" * 5000})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<L", 5000), struct.pack("<L", 400)))
    with pytest.raises(CorruptError):
        read_wheel(path, LAYOUT)


def test_wheel_is_refused_when_members_overlap(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"a": "same", "b": "same"})
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", central + 4)
    data[second + 42 : second + 46] = data[central + 42 : central + 46]
    path.write_bytes(data)
    with pytest.raises(CorruptError, match="overlap"):
        read_wheel(path, LAYOUT)


def test_wheel_is_refused_when_it_is_for_another_platform(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, tag="cp313-cp313-manylinux_2_28_aarch64", files={"demo/x.so": elf(183)})
    with pytest.raises(MissingError, match="is not compatible with the image: Python 3.13 on amd64"):
        read_wheel(path, LAYOUT, TARGET)
    assert not read_wheel(path, LAYOUT, WheelTarget("3.13", "arm64")).pure


def test_wheel_is_refused_when_its_binaries_are_for_another_processor(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, tag="cp313-cp313-manylinux_2_28_x86_64", files={"demo/x.so": elf(183)})
    with pytest.raises(CorruptError, match="none of its binaries is for amd64"):
        read_wheel(path, LAYOUT, TARGET)


def test_overlay_leaves_out_what_an_earlier_wheel_brings_alike(tmp_path: Path) -> None:
    def wheel(name: str, files: Files) -> tuple[str, tuple[Entry, ...]]:
        return name, read_wheel(make_wheel(tmp_path, name, files=files), LAYOUT).entries

    one, two = dict(
        overlay(
            [
                wheel("one", {"ns/__init__.py": "same", "ns/one.py": "1"}),
                wheel("two", {"ns/__init__.py": "same", "ns/two.py": "2"}),
            ]
        )
    ).values()
    assert f"{SITE}/ns/__init__.py" in content(one)
    assert f"{SITE}/ns/__init__.py" not in content(two)
    assert f"{SITE}/ns/two.py" in content(two)
    assert Directory(f"{SITE}/ns") in two


def differing(place: Path, path: str) -> list[tuple[str, tuple[Entry, ...]]]:
    """Two wheels with different files at ``path``, and what is compiled from these."""
    made = []
    for name in ("one", "two"):
        entries = read_wheel(make_wheel(place, name, files={path: f"{name} = 1\n"}), LAYOUT).entries
        directory, _, file = path.rpartition("/")
        bytecode = File(f"{SITE}/{directory}/__pycache__/{file[:-3]}.cpython-313.pyc", name.encode())
        made.append((f"{name} 1.0", add_directories([*entries, *([bytecode] if file.endswith(".py") else [])])))
    return made


def test_overlay_names_both_wheels_and_the_file_when_they_differ(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        list(overlay(differing(tmp_path, "ns/core.py")))
    assert caught.value.message == f"one 1.0 and two 1.0 both install /{SITE}/ns/core.py, with different contents"
    assert 'prefer = ["one" or "two"] in [tool.grocker]' in str(caught.value.hint)


@pytest.mark.parametrize(
    ("path", "prefer", "winner", "is_told"),
    [
        ("ns/core.py", ["two"], "two", False),
        ("ns/core.py", ["other", "One", "two"], "one", False),
        ("tests/__init__.py", [], "two", True),
        ("tests/deep/settings.py", ["one"], "one", False),
        ("docs/conf.py", [], "two", True),
        ("LICENSE", [], "two", True),
    ],
)
def test_overlay_installs_the_preferred_or_the_later_wheels_file_with_its_bytecode(
    tmp_path: Path, path: str, prefer: list[str], winner: str, is_told: bool
) -> None:
    told: list[Collision] = []
    parts = dict(overlay(differing(tmp_path, path), prefer, told.append))
    stem = path.rpartition("/")[2].partition(".")[0]
    has = {name: [one for one in content(entries) if stem in one] for name, entries in parts.items()}
    assert any(one.endswith(path) for one in has.pop(f"{winner} 1.0"))
    assert [len(paths) for paths in has.values()] == [0]
    assert [(one.path, one.winner) for one in told] == ([(f"{SITE}/{path}", f"{winner} 1.0")] if is_told else [])


def test_error_of_a_wheel_says_what_to_do(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, record={"demo/__init__.py": "sha256=AAAA"})
    with pytest.raises(GrockerError) as caught:
        read_wheel(path, LAYOUT, strict=True)
    assert caught.value.status == 65
    assert caught.value.hint


PKGUTIL = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
IMPORTED = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"
EITHER = """\
try:
    import pkg_resources
    pkg_resources.declare_namespace(__name__)
except ImportError:
    import pkgutil
    __path__ = pkgutil.extend_path(__path__, __name__)
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PKGUTIL, "# quotes\n" + PKGUTIL.replace("'", '"')),
        (IMPORTED, "__import__('pkg_resources').declare_namespace(__name__)\n"),
        (EITHER, IMPORTED.replace("__path__ =", "__path__: list[str] =")),
        (PKGUTIL, IMPORTED),
        ('"""Tests."""\n', ""),
        ("x = 1\r\n", "x = 1  # one\n"),
    ],
)
def test_overlay_takes_modules_that_do_the_same(tmp_path: Path, one: str, other: str) -> None:
    made = []
    for name, text in (("one", one), ("two", other)):
        path = make_wheel(tmp_path, name, files={"ns/__init__.py": text, f"ns/{name}.py": ""})
        bytecode = File(f"{SITE}/ns/__pycache__/__init__.cpython-313.pyc", text.encode())
        made.append((name, add_directories([*read_wheel(path, LAYOUT).entries, bytecode])))
    first, second = (dict(content(entries)) for _, entries in overlay(made))
    assert first[f"{SITE}/ns/__init__.py"][0] == one.encode()
    assert not [path for path in second if "__init__" in path]
    assert f"{SITE}/ns/two.py" in second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", PKGUTIL),
        ("x = 1\n", "x = 2\n"),
        (IMPORTED.replace("__name__", "'other'"), IMPORTED),
        (IMPORTED + "x = 1\n", IMPORTED),
        ("x = (\n", "x = [\n"),
        ("(" * 9000, "[" * 9000),
        ("x = a" + ".b" * 2500 + "\n", "x = a" + ".b" * 2500 + " \n"),
    ],
)
def test_overlay_refuses_modules_that_do_something_else(tmp_path: Path, one: str, other: str) -> None:
    made = [
        (name, read_wheel(make_wheel(tmp_path, name, files={"ns/__init__.py": text}), LAYOUT).entries)
        for name, text in (("one", one), ("two", other))
    ]
    with pytest.raises(SettingsError, match="with different contents"):
        list(overlay(made))


def test_metadata_is_parsed_once_for_the_same_bytes(tmp_path: Path) -> None:
    known: dict[tuple[bytes, ...], Metadata] = {}
    parsed: list[str] = []

    def remember(data: Sequence[bytes], read: Callable[[], Metadata]) -> Metadata:
        if tuple(data) not in known:
            known[tuple(data)] = read()
            parsed.append(known[tuple(data)].summary)
        return known[tuple(data)]

    for place, text, summary in (("1", "a = 1\n", "one"), ("2", "a = 2\n", "one"), ("3", "a = 2\n", "two")):
        path = make_wheel(tmp_path / place, files={"demo.py": text}, metadata=f"Summary: {summary}\n")
        wheel = read_wheel(path, LAYOUT, remember=remember)
        assert wheel.metadata == read_wheel(path, LAYOUT).metadata
    assert parsed == ["one", "two"]
