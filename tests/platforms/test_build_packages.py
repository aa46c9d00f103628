"""What building well-known sdists takes."""

from __future__ import annotations

import re

import pytest

from grocker.platforms.build_packages import SDISTS, TOOLCHAIN, find_lacking
from grocker.python.metadata import normalise_name


def test_rows_are_sorted_and_name_distributions_and_packages_as_their_archives_do() -> None:
    assert list(SDISTS) == sorted(SDISTS)
    assert [name for name in SDISTS if normalise_name(name) != name] == []
    packages = {package for row in (*SDISTS.values(), TOOLCHAIN) for package in row}
    assert [package for package in packages if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", package)] == []


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("_cffi.c:15:10: fatal error: ffi.h: No such file or directory", ("ffi.h", "libffi-dev")),
        ("a.c:1:10: fatal error: openssl/ssl.h: No such file or directory\n", ("openssl/ssl.h", "libssl-dev")),
        ("a.c:1:10: fatal error: sys/capability.h: No such file", ("sys/capability.h", "libcap-dev")),
        ("x.cpp:3:10: fatal error: own/things.hpp: No such file or directory", ("own/things.hpp", "")),
        ("Error: pg_config executable not found.", ("pg_config", "libpq-dev")),
        ("/bin/sh: 1: mysql_config: not found", ("mysql_config", "default-libmysqlclient-dev")),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'cargo'", ("cargo", "cargo")),
        ("../meson.build:1:0: ERROR: Unknown compiler(s): [['gfortran'], ['flang-new']]", ("gfortran", "gfortran")),
        ("CMake Error: No CMAKE_Fortran_COMPILER could be found.", ("gfortran", "gfortran")),
        ("error: can't find Rust compiler", ("cargo", "cargo")),
        ("Problem with the CMake installation, aborting build. CMake executable is cmake", ("cmake", "cmake")),
        ("error: command 'gcc' failed with exit code 1", None),
        ("RuntimeError: no way", None),
    ],
)
def test_what_a_build_lacks_is_found_in_its_output(said: str, found: tuple[str, str] | None) -> None:
    assert find_lacking(f"first\n{said}\nlast") == found
