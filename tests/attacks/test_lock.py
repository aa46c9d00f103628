"""A lock that somebody else wrote: it runs no code that Debian did not sign, and touches no file."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_input.case import WHEEL
from tests.support.archive import Package, Program
from tests.support.world import _LOADERS, STAND_IN, World

pytestmark = pytest.mark.slow
LOCKED = (*WHEEL, "--locked")


def lock(world: World) -> Path:
    done = world.run(("lock", "WHEEL", "--config", "CONFIG"))
    assert done.status == 0, done.stderr
    return world.place / "grocker.lock"


def forged(world: World, version: str = "1.0-1") -> tuple[bytes, Path]:
    """A libc6 whose loader leaves a mark on the host, and where."""
    mark = world.place / "executed"
    loader = STAND_IN.replace("#!/bin/sh\n", f"#!/bin/sh\n: >{mark}\n")
    package = Package("libc6", version, "amd64", {_LOADERS["amd64"]: Program(loader.encode())})
    return package.deb(), mark


def row(text: str, name: str) -> str:
    found = re.search(rf'\[\[debian\]\]\nname = "{re.escape(name)}"\n(?:.+\n)+', text)
    assert found is not None
    return found[0]


def with_file(old: str, data: bytes, **values: str) -> str:
    """A row of the lock that names other bytes."""
    new = re.sub(r'sha256 = ".*"', f'sha256 = "sha256:{hashlib.sha256(data).hexdigest()}"', old)
    new = re.sub(r"size = \d+", f"size = {len(data)}", new)
    for name, value in values.items():
        new = re.sub(rf'{name} = ".*"', f'{name} = "{value}"', new)
    return new


def another_sum(text: str, data: bytes) -> str:
    old = row(text, "libc6")
    return text.replace(old, with_file(old, data))


def another_version(text: str, data: bytes) -> str:
    old = row(text, "libc6")
    return text.replace(old, with_file(old, data, version="1.0-2"))


def another_name(text: str, data: bytes) -> str:
    old = row(text, "libc6")
    return text.replace(old, with_file(old, data, name="libc6-forged"))


def another_suite(text: str, data: bytes) -> str:
    old = row(text, "libc6")
    return text.replace(old, with_file(old, data, suite="trixie-security"))


def one_more(text: str, data: bytes) -> str:
    old = row(text, "libc6")
    return text.replace(old, with_file(old, data, name="libc6-more") + "\n" + old)


@pytest.mark.parametrize("arguments", [LOCKED, WHEEL], ids=["locked", "used as it fits"])
@pytest.mark.parametrize(
    ("forge", "status", "words"),
    [
        (another_sum, 65, "signed sha256:"),
        (another_version, 78, "cannot verify libc6 1.0-2"),
        (another_name, 78, "cannot verify libc6-forged"),
        (another_suite, 65, "signed sha256:"),
        (one_more, 78, "cannot verify libc6-more"),
    ],
)
def test_lock_runs_no_code_that_debian_did_not_sign(
    made_up: World, forge: Callable[[str, bytes], str], status: int, words: str, arguments: tuple[str, ...]
) -> None:
    path = lock(made_up)
    data, mark = forged(made_up)
    text = path.read_text()
    path.write_text(forge(text, data))
    served = re.search(r'path = "(.*)"', row(text, "libc6"))
    assert served is not None
    made_up.archive.replaced[served[1]] = data
    done = made_up.run(arguments)
    assert (done.status, mark.exists()) == (status, False), done.stderr
    assert words in done.message
    assert "grocker lock" in done.hint


def test_locked_build_of_a_version_that_left_the_archive_needs_a_cache_that_saw_it(made_up: World) -> None:
    lock(made_up)
    assert made_up.run(LOCKED).status == 0
    served = made_up.archive.files()
    made_up.archive.packages["trixie"] = [
        Package(one.name, "1.0-2", one.architecture, one.files, one.fields, compression=one.compression)
        if one.name == "libc6"
        else one
        for one in made_up.archive.packages["trixie"]
    ]
    made_up.archive.replaced.update({path: data for path, data in served.items() if path.startswith("pool/")})
    assert made_up.run(LOCKED).status == 0
    shutil.rmtree(made_up.cache)
    done = made_up.run(LOCKED)
    assert done.status == 78, done.stderr
    assert "cannot verify libc6 1.0-1" in done.message
    assert "grocker lock --upgrade libc6" in done.hint


def test_locked_build_asks_no_index_when_its_packages_were_verified_before(made_up: World) -> None:
    lock(made_up)
    assert made_up.run(LOCKED).status == 0
    made_up.archive.requests.clear()
    done = made_up.run((*LOCKED, "--label", "org.example.new=1"))
    assert done.status == 0, done.stderr
    assert made_up.archive.requests == []


def test_locked_build_verifies_against_an_archive_that_has_expired(made_up: World) -> None:
    """A snapshot is expired by nature: what Debian signed stays signed."""
    lock(made_up)
    shutil.rmtree(made_up.cache)
    made_up.archive.valid_until = made_up.archive.date
    done = made_up.run(LOCKED)
    assert done.status == 0, done.stderr
    assert "expired" not in done.stderr


@pytest.mark.parametrize("sha256", ["sha256:PLACE/victim", "sha256:../../../../victim"])
def test_lock_touches_no_file_outside_the_cache(made_up: World, sha256: str) -> None:
    path = lock(made_up)
    victim = made_up.place / "victim"
    victim.write_text("mine")
    text = path.read_text()
    old = row(text, "libc6")
    new = re.sub(r'sha256 = ".*"', f'sha256 = "{sha256.replace("PLACE", str(made_up.place))}"', old)
    path.write_text(text.replace(old, new))
    done = made_up.run(LOCKED)
    assert (done.status, victim.exists()) == (78, True), done.stderr
    assert "grocker.lock" in done.message
