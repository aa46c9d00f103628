"""Standalone interpreters: what uv lists, an archive fetched through it, and its files."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from grocker.errors import CorruptError, MissingError, UnavailableError
from grocker.python.standalone import download_archive, list_downloads, read_archive, relocate
from grocker.python.standalone_refusal import is_refused
from grocker.python.uv import Uv, find_uv
from grocker.tar.entry import Entry, File, Symlink
from tests.support.standalone import Archive, serve, write_archive

FILES: dict[str, bytes | str] = {
    "bin/python3.12": b"\x7fELF",
    "bin/python3": "python3.12",
    "bin/python": "python3.12",
    "bin/pip3": b"#!",
    "bin/idle3": "idle3.12",
    "include/python3.12/Python.h": b"//",
    "lib/libpython3.12.so.1.0": b"\x7fELF",
    "lib/libpython3.12.so": "libpython3.12.so.1.0",
    "lib/libtcl8.6.so": b"\x7fELF",
    "lib/tcl8.6/init.tcl": b"#",
    "lib/pkgconfig/python3.pc": b"#",
    "lib/python3.12/os.py": b"name = 'posix'\n",
    "lib/python3.12/__pycache__/os.cpython-312.pyc": b"\0",
    "lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py": b"v = {'CC': 'clang -pthread', 'p': '/install/lib'}\n",
    "lib/python3.12/config-3.12-x86_64-linux-gnu/Makefile": b"#",
    "lib/python3.12/config-3.12-x86_64-linux-gnu/libpython3.12.a": b"#",
    "lib/python3.12/ensurepip/__init__.py": b"",
    "lib/python3.12/idlelib/idle.py": b"",
    "lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-gnu.so": b"\x7fELF",
    "lib/python3.12/lib-dynload/_testcapi.cpython-312-x86_64-linux-gnu.so": b"\x7fELF",
    "lib/python3.12/site-packages/README.txt": b"#",
    "lib/python3.12/site-packages/pip/__init__.py": b"",
    "lib/python3.12/test/test_os.py": b"",
    "lib/python3.12/tkinter/__init__.py": b"",
    "lib/python3.12/unittest/__init__.py": b"",
    "share/man/man1/python3.12.1": b"",
}
"""What is in an ``install_only`` archive, a little of each kind."""


@pytest.fixture
def uv(tmp_path: Path) -> Uv:
    return find_uv({"HOME": str(tmp_path / "home"), "UV_HTTP_RETRIES": "0"}, cache=tmp_path / "uv")


def with_list(uv: Uv, address: str) -> Uv:
    return uv.with_options({"UV_PYTHON_DOWNLOADS_JSON_URL": address}, {})


def archive(place: Path, version: str = "3.12.16", **about: str) -> Archive:
    return write_archive(place, version, FILES, **about)


def by_path(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries}


def read(path: Path, series: str = "3.12", *, development: bool = False) -> dict[str, Entry]:
    return by_path(read_archive(path, series, file=path.name, architecture="amd64", development=development))


def test_list_has_the_archives_of_each_architecture_newest_first(uv: Uv, tmp_path: Path) -> None:
    made = [archive(tmp_path), archive(tmp_path, architecture="arm64"), archive(tmp_path, "3.9.25")]
    made.append(archive(tmp_path, "3.13.18t", build="20261001"))
    with serve(tmp_path, made) as address:
        found = list_downloads(with_list(uv, address))
    assert [(one.version, one.architecture, one.build) for one in found] == [
        ("3.13.18t", "amd64", "20261001"),
        ("3.12.16", "arm64", "20261110"),
        ("3.12.16", "amd64", "20261110"),
        ("3.9.25", "amd64", "20261110"),
    ]
    assert found[0].key == "cpython-3.13.18+freethreaded-linux-x86_64-gnu"
    assert found[1].file == "cpython-3.12.16+20261110-aarch64-unknown-linux-gnu-install_only_stripped.tar.gz"


def test_list_of_uv_itself_has_older_and_free_threaded_pythons(uv: Uv) -> None:
    series = {one.version.rpartition(".")[0] + "t" * one.version.endswith("t") for one in list_downloads(uv)}
    assert {"3.9", "3.10", "3.11", "3.12", "3.13", "3.13t", "3.14"} <= series


def test_archive_is_fetched_with_its_bytes_as_they_are(uv: Uv, tmp_path: Path) -> None:
    made = archive(tmp_path / "served", architecture="arm64")
    with serve(tmp_path / "served", [made]) as address:
        [known] = list_downloads(with_list(uv, address))
        path = download_archive(with_list(uv, address), known, tmp_path / "work")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == made.sha256


def test_archive_with_another_digest_is_refused_with_both(uv: Uv, tmp_path: Path) -> None:
    made = archive(tmp_path)
    with serve(tmp_path, [made]) as address:
        promised = made.sha256
        archive(tmp_path, build="20261110").path.write_bytes(made.path.read_bytes() + b"x")
        [known] = list_downloads(with_list(uv, address))
        with pytest.raises(CorruptError) as raised:
            download_archive(with_list(uv, address), known, tmp_path / "work")
    assert raised.value.message == f"fetching Python 3.12.16: expected sha256:{promised}, got sha256:{made.sha256}"
    assert "UV_PYTHON_INSTALL_MIRROR" in (raised.value.hint or "")


def test_archive_that_is_gone_or_unreachable_is_an_error_that_names_the_mirror(uv: Uv, tmp_path: Path) -> None:
    made = archive(tmp_path)
    with serve(tmp_path, [made]) as address:
        [known] = list_downloads(with_list(uv, address))
        made.path.unlink()
        with pytest.raises(MissingError, match=r"fetching Python 3\.12\.16: the server does not have it") as gone:
            download_archive(with_list(uv, address), known, tmp_path / "one")
        listed = (tmp_path / "list.json").read_text()
    assert "UV_PYTHON_INSTALL_MIRROR" in (gone.value.hint or "")
    (tmp_path / "kept.json").write_text(listed)
    with pytest.raises(UnavailableError, match=r"fetching Python 3\.12\.16: cannot reach 127\.0\.0\.1$") as refused:
        download_archive(with_list(uv, (tmp_path / "kept.json").as_uri()), known, tmp_path / "two")
    assert "UV_PYTHON_INSTALL_MIRROR" in (refused.value.hint or "")


def test_list_that_cannot_be_read_is_an_error_that_names_the_setting(uv: Uv, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="^listing Python interpreters: ") as raised:
        list_downloads(with_list(uv, (tmp_path / "none.json").as_uri()))
    assert raised.value.hint == "check UV_PYTHON_DOWNLOADS_JSON_URL"


@pytest.mark.parametrize(
    ("variables", "setting"),
    [
        ({}, ""),
        ({"UV_PYTHON_PREFERENCE": "only-system"}, "UV_PYTHON_PREFERENCE=only-system"),
        ({"UV_PYTHON_PREFERENCE": "managed"}, ""),
        ({"UV_NO_MANAGED_PYTHON": "1"}, "UV_NO_MANAGED_PYTHON=1"),
        ({"UV_PYTHON_DOWNLOADS": "never"}, "UV_PYTHON_DOWNLOADS=never"),
        ({"UV_PYTHON_DOWNLOADS": "manual"}, ""),
    ],
)
def test_settings_of_uv_refuse_standalone_pythons(variables: dict[str, str], setting: str) -> None:
    assert is_refused(variables) == setting


def test_project_refuses_them_unless_the_environment_prefers_otherwise(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\npython-preference = "only-system"\n')
    assert is_refused({}, tmp_path) == "python-preference in [tool.uv]"
    assert is_refused({"UV_PYTHON_PREFERENCE": "managed"}, tmp_path) == ""


def test_image_has_what_debians_python_has_at_one_place(tmp_path: Path) -> None:
    found = read(archive(tmp_path).path)
    assert sorted(found) == [
        "opt/python/bin/python",
        "opt/python/bin/python3",
        "opt/python/bin/python3.12",
        "opt/python/lib/libpython3.12.so",
        "opt/python/lib/libpython3.12.so.1.0",
        "opt/python/lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py",
        "opt/python/lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-gnu.so",
        "opt/python/lib/python3.12/os.py",
        "opt/python/lib/python3.12/site-packages/README.txt",
        "opt/python/lib/python3.12/unittest/__init__.py",
        "usr/lib/x86_64-linux-gnu/libpython3.12.so.1.0",
    ]
    assert found["opt/python/bin/python3.12"] == File("opt/python/bin/python3.12", b"\x7fELF", 0o755)
    library = found["usr/lib/x86_64-linux-gnu/libpython3.12.so.1.0"]
    assert isinstance(library, Symlink) and library.target == "/opt/python/lib/libpython3.12.so.1.0"


def test_sandbox_has_headers_and_makefile_too(tmp_path: Path) -> None:
    path = archive(tmp_path).path
    more = set(read(path, development=True)) - set(read(path))
    assert more == {
        "opt/python/include/python3.12/Python.h",
        "opt/python/lib/python3.12/config-3.12-x86_64-linux-gnu/Makefile",
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"'CC': 'clang -pthread'", b"'CC': 'gcc -pthread'"),
        (b"'CXX': '/tools/llvm/bin/clang++ -pthread'", b"'CXX': 'g++ -pthread'"),
        (b"'AR': '/tools/clang-linux64/bin/llvm-ar'", b"'AR': 'ar'"),
        (b"'BINDIR': '/install/bin'", b"'BINDIR': '/opt/python/bin'"),
        (b"'prefix': '/install'", b"'prefix': '/opt/python'"),
        (b"'CFLAGS': '-O3 -fdebug-default-version=4 -g'", b"'CFLAGS': '-O3 -g'"),
        (b"'X': '-I/tools/deps/include -O2'", b"'X': ' -O2'"),
        (b"'TZPATH': '/usr/share/zoneinfo'", b"'TZPATH': '/usr/share/zoneinfo'"),
        (b"'Y': '/home/install/clang-x'", b"'Y': '/home/install/clang-x'"),
    ],
)
def test_build_variables_name_what_images_and_sandboxes_have(before: bytes, after: bytes) -> None:
    assert relocate(before) == after


def _with_member(path: Path, info: tarfile.TarInfo, data: bytes = b"") -> Path:
    info.size = len(data)
    with tarfile.open(path, "w:gz") as opened:
        opened.addfile(info, io.BytesIO(data))
    return path


def test_hostile_archives_are_refused(tmp_path: Path) -> None:
    outside = tarfile.TarInfo("../etc/passwd")
    link = tarfile.TarInfo("python/bin/python3.12")
    link.type, link.linkname = tarfile.SYMTYPE, "../../../usr/bin/sh"
    device = tarfile.TarInfo("python/bin/python3.12")
    device.type = tarfile.CHRTYPE
    for info, words in (
        (outside, "is not below python/"),
        (link, "leads out of the archive"),
        (device, "neither a file"),
    ):
        with pytest.raises(CorruptError, match=words):
            read(_with_member(tmp_path / "hostile.tar.gz", info))
    with pytest.raises(CorruptError, match=r"it has no python/bin/python3\.12"):
        read(_with_member(tmp_path / "empty.tar.gz", tarfile.TarInfo("python/lib/x")))
    (tmp_path / "none.tar.gz").write_bytes(b"no archive")
    with pytest.raises(CorruptError, match="not a tar archive"):
        read(tmp_path / "none.tar.gz")


def test_list_is_what_uv_reads(tmp_path: Path) -> None:
    with serve(tmp_path, [archive(tmp_path)]):
        rows = json.loads((tmp_path / "list.json").read_text())
    assert list(rows) == ["cpython-3.12.16-linux-x86_64-gnu"]
