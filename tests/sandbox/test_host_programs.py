"""What a sandbox shows of this host's programs, and what it never shows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from grocker.sandbox.host_programs import find_programs, make_root

SECRETS = (
    *("etc/passwd", "etc/pip.conf", "home/me/.netrc", "home/me/app/settings.py", "root/.ssh/id_rsa", "srv/x", "var/x"),
    *("usr/pip.conf", "usr/etc/x", "usr/src/app/x", "usr/local/etc/x", "usr/local/src/x", "usr/local/var/x"),
    *("home/me/.pyenv/x", "home/me/.pyenv/versions/3.13.1/etc/x", "home/me/.pyenv/versions/3.13.1/pip.conf"),
    *("home/me/.pyenv/versions/3.13.1/share/keyrings/x",),
)
PROGRAMS = (
    *("usr/bin/sh", "usr/lib/libc.so", "usr/share/zoneinfo/UTC", "usr/include/x.h", "usr/local/bin/python3"),
    *("usr/local/lib/libpython3.so", "etc/ld.so.cache", "etc/alternatives/awk"),
    *("home/me/.pyenv/versions/3.13.1/bin/python3", "home/me/.pyenv/versions/3.13.1/lib/python3.13/os.py"),
)
PYENV = "/home/me/.pyenv/versions/3.13.1"


def make_host(place: Path, links: Iterable[tuple[str, str]] = (("bin", "usr/bin"), ("lib", "usr/lib"))) -> Path:
    for path in (*SECRETS, *PROGRAMS):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).touch()
    for name, target in links:
        (place / name).symlink_to(target)
    return place


def shown(host: Path, *prefixes: str) -> set[str]:
    """The files of the host that are in the sandbox, by their paths there."""
    found: set[str] = set()
    for bind in find_programs(prefixes, host).binds:
        assert bind.source == host / bind.target[1:]
        assert not bind.is_writable
        files = [bind.source] if bind.source.is_file() else [path for path in bind.source.rglob("*") if path.is_file()]
        found |= {str(path.relative_to(host)) for path in files}
    return found


def test_programs_and_libraries_are_shown_and_nothing_that_belongs_to_anybody(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    assert shown(host, "/usr", PYENV) == set(PROGRAMS)
    assert find_programs((), host).links == {"bin": "usr/bin", "lib": "usr/lib"}


def test_home_is_shown_only_if_the_interpreter_is_there(tmp_path: Path) -> None:
    assert not [path for path in shown(make_host(tmp_path), "/usr/local") if path.startswith("home")]


def test_directories_at_the_top_are_shown_when_they_are_no_links(tmp_path: Path) -> None:
    host = make_host(tmp_path, ())
    (host / "bin").mkdir()
    (host / "bin/sh").touch()
    assert "bin/sh" in shown(host, "/")
    assert find_programs(("/",), host).links == {}


def test_nothing_is_bound_twice(tmp_path: Path) -> None:
    targets = [
        bind.target for bind in find_programs(("/usr", "/usr/lib/python", PYENV, PYENV), make_host(tmp_path)).binds
    ]
    assert len(targets) == len(set(targets))
    assert not [one for one in targets for other in targets if one.startswith(f"{other}/")]


@pytest.mark.parametrize(
    ("loaded", "can_run"),
    [
        ("usr/lib/libc.so.6", True),
        (f"{PYENV[1:]}/lib/libpython3.13.so.1.0", True),
        ("home/me/.local/lib/msgspec.so", True),  # not of the interpreter
        ("nix/store/x-glibc-2.41/lib/ld-linux-x86-64.so.2", False),
        ("nix/store/x-glibc-2.41/lib/libc.so.6", False),
        ("srv/python/libpython3.13.so.1.0", False),
    ],
)
def test_interpreter_with_libraries_elsewhere_cannot_run(tmp_path: Path, loaded: str, can_run: bool) -> None:
    programs = find_programs((PYENV,), make_host(tmp_path))
    maps = f"7f00-7f01 r--p 00000000 08:01 42   {tmp_path}/{loaded}\n7f02-7f03 rw-p 00000000 00:00 0 \n"
    assert programs.can_run(maps) == can_run


@pytest.mark.parametrize(
    ("place", "is_below"), [("usr/lib/nvidia", True), ("usr/lib", False), ("usr/library", False), ("var/x", False)]
)
def test_mount_below_what_is_shown_is_noticed(tmp_path: Path, place: str, is_below: bool) -> None:
    mounts = f"22 1 8:1 / / rw - ext4 /dev/vda rw\n36 22 98:0 / {tmp_path}/{place} rw,noatime - tmpfs none rw\n"
    assert find_programs((), make_host(tmp_path)).has_mounts_below(mounts) == is_below


def test_own_interpreter_can_run() -> None:
    prefixes = (sys.base_prefix, os.path.realpath(sys.base_prefix))
    maps = Path("/proc/self/maps").read_text()
    assert "/libc" in maps
    assert find_programs(prefixes).can_run(maps)


def test_root_has_the_links_and_the_accounts_of_nobody_else(tmp_path: Path) -> None:
    place = tmp_path / "new"
    accounts = {bind.target: bind.source for bind in make_root(find_programs((sys.base_prefix,)), place)}
    names = [line.partition(":")[0] for line in accounts["/etc/passwd"].read_text().splitlines()]
    assert names == ["root", "nobody"]
    assert all(path.is_symlink() for path in (place / "root").iterdir())


def test_own_home_is_not_shown_unless_the_interpreter_is_there() -> None:
    home = os.path.expanduser("~")
    prefixes = {sys.base_prefix, os.path.realpath(sys.base_prefix)}
    for bind in find_programs(prefixes).binds:
        assert not f"{home}/".startswith(f"{bind.target}/")
        is_own = any(bind.target.startswith(f"{prefix}/") for prefix in prefixes)
        assert is_own or not bind.target.startswith(f"{home}/")
