"""Whether this host runs programs of another architecture, and what it says about that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.platforms.architectures import ARCHITECTURES, BY_MACHINE
from grocker.progress import Silent
from grocker.sandbox import emulation
from grocker.sandbox.emulation import NoEmulatorError, require_emulator, suggest, warn_if_foreign
from grocker.sandbox.run import NoSandboxError, find_isolation

INSTALL = "(Debian: sudo apt install qemu-user-static binfmt-support)"
OWN = BY_MACHINE[os.uname().machine].name


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> str:
    """An architecture that no kernel knows."""
    other = replace(ARCHITECTURES[OWN], name="made-up", machine="made_up", elf_machine=0xFEED)
    monkeypatch.setitem(ARCHITECTURES, "made-up", other)
    monkeypatch.setitem(emulation._EXIT, "made-up", b"")
    return other.name


@pytest.fixture(scope="module")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        find_isolation(tmp_path_factory.mktemp("sandbox"))
    except NoSandboxError as error:
        pytest.skip(error.message)


@pytest.mark.usefixtures("_sandbox")
def test_emulator_is_missed_when_the_kernel_runs_no_such_programs(made_up: str, tmp_path: Path) -> None:
    with pytest.raises(NoEmulatorError) as raised:
        require_emulator(made_up, tmp_path)
    machine = os.uname().machine
    assert raised.value.message == f"cannot emulate made-up on {machine}: the kernel knows no emulator (binfmt_misc)"
    assert raised.value.hint == f"register an emulator for made-up {INSTALL}"


@pytest.mark.usefixtures("_sandbox")
def test_emulator_is_no_use_when_its_program_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(emulation._EXIT, OWN, b"")  # nothing that ends it follows
    with pytest.raises(NoEmulatorError, match="does not start in a sandbox: exit status 1") as raised:
        require_emulator(OWN, tmp_path)
    assert raised.value.hint == f"register one that is linked statically, with the flag F {INSTALL}"


@pytest.mark.usefixtures("_sandbox")
def test_suggestion_is_the_option_alone_when_there_is_an_emulator(tmp_path: Path) -> None:
    assert suggest(OWN, tmp_path) == f"add --emulate: this machine has an emulator for {OWN}, which is slow"


@pytest.mark.usefixtures("_sandbox")
def test_suggestion_says_how_to_get_an_emulator_when_there_is_none(made_up: str, tmp_path: Path) -> None:
    assert suggest(made_up, tmp_path) == f"register an emulator for made-up {INSTALL} and add --emulate"


def test_warning_says_that_programs_are_emulated_unless_they_are_the_hosts_own(made_up: str) -> None:
    progress = Silent()
    warn_if_foreign(progress, OWN)
    assert progress.warnings == []
    warn_if_foreign(progress, made_up)
    [(message, hint)] = progress.warnings
    assert message == f"programs for made-up run in an emulator on this {os.uname().machine} machine, many times slower"
    assert hint == "a machine with that processor builds the same image faster"
