"""What a compiled wheel needs at run time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.config.settings import BuildSettings, Settings
from grocker.context import Context
from grocker.errors import CorruptError
from grocker.inputs.toolchain import DebianToolchain
from grocker.lock.answers import DebianAnswer
from grocker.platforms.architectures import ARCHITECTURES
from grocker.platforms.target import select_target
from grocker.progress import Silent
from grocker.python import BuildRoot
from grocker.store import Store
from grocker.web import Transport
from tests.support.elf import library
from tests.support.wheels import make_wheel


@pytest.fixture
def toolchain(tmp_path: Path) -> Iterator[DebianToolchain]:
    with Store.open(tmp_path / "cache") as store, Transport(environ={}) as transport:
        context = Context(store, transport, Silent(), {}, 0)
        yield DebianToolchain(context, Settings(), select_target("trixie", "linux/amd64"))


def test_packages_of_linked_libraries_are_found_but_for_those_of_every_image_and_the_wheels_own(
    toolchain: DebianToolchain, tmp_path: Path
) -> None:
    sonames = {"libpq.so.5": "libpq5", "libc.so.6": "libc6", "libcap.so.2": "libcap2", "libz.so.1": "zlib1g"}
    (tmp_path / "sonames.json").write_text(json.dumps(sonames))
    needed = ["libpq.so.5", "libc.so.6", "libz.so.1", "libown.so.1", "libunknown.so.9"]
    wheel = make_wheel(
        tmp_path,
        "fast",
        files={
            "fast/_fast.so": library("", needed=needed),
            "fast-1.0.data/scripts/program": library("", needed=["libcap.so.2"]),
            "fast/libown.so.1": library("libown.so.1"),
        },
        tag="cp313-cp313-linux_x86_64",
    )
    assert toolchain.find_libraries(wheel, BuildRoot(tmp_path, "key")) == ("libcap2", "libpq5")


def test_damaged_wheel_is_an_error(toolchain: DebianToolchain, tmp_path: Path) -> None:
    (tmp_path / "sonames.json").write_text("{}")
    (tmp_path / "bad-1.0-py3-none-any.whl").write_bytes(b"PK")
    with pytest.raises(CorruptError, match=r"reading bad-1\.0"):
        toolchain.find_libraries(tmp_path / "bad-1.0-py3-none-any.whl", BuildRoot(tmp_path, "key"))


def test_only_the_hosts_own_architecture_is_compiled_for(toolchain: DebianToolchain) -> None:
    refusals = {}
    for name, row in ARCHITECTURES.items():
        image = select_target("trixie", f"linux/{name}")
        refusals[row.machine] = DebianToolchain(toolchain.context, toolchain.settings, image).refusal
    machine = os.uname().machine
    assert refusals.pop(machine) == ""
    assert set(refusals.values()) == {f"cannot be compiled for {_name(one)} on {machine}" for one in refusals}
    emulating = replace(toolchain.context, emulates=True)
    for name in ARCHITECTURES:
        image = select_target("trixie", f"linux/{name}")
        assert DebianToolchain(emulating, toolchain.settings, image).refusal == ""


class Named(Exception):
    """The packages that would be resolved."""


class NamingToolchain(DebianToolchain, frozen=True):
    def _resolve(self, names: Sequence[str]) -> DebianAnswer:
        raise Named(*names)


@pytest.mark.parametrize(
    ("dependencies", "suite", "named"),
    [
        ((), "trixie", {"cargo", "rustc"}),
        ((), "bookworm", {"cargo-web", "rustc-web"}),
        (("cargo",), "bookworm", {"cargo"}),
        (("rustc-web=1.85.0", "cargo-web"), "bookworm", {"cargo-web", "rustc-web=1.85.0"}),
    ],
)
def test_rust_is_the_suites_unless_the_settings_name_one(
    toolchain: DebianToolchain, dependencies: tuple[str, ...], suite: str, named: set[str]
) -> None:
    settings = Settings(build=BuildSettings(dependencies=dependencies))
    with pytest.raises(Named) as caught:
        NamingToolchain(toolchain.context, settings, select_target(suite, "linux/amd64")).compose(("cargo", "rustc"))
    assert {one for one in caught.value.args if "cargo" in one or "rustc" in one} == named


def _name(machine: str) -> str:
    return next(name for name, row in ARCHITECTURES.items() if row.machine == machine)
