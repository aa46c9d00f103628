"""Programs of another architecture in a sandbox: the kernel runs them by an emulator that is registered with it.

Whether it does is tried, with a program of a few bytes in a root of its own: a container sees nothing of binfmt_misc,
and an emulator that is registered may not start where its own files are not. Source: Linux, admin-guide/binfmt-misc.
"""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

from grocker.errors import UnavailableError
from grocker.platforms.architectures import ARCHITECTURES, is_foreign
from grocker.progress import Progress
from grocker.sandbox.run import NoSandboxError, find_isolation, run
from grocker.sandbox.sandbox import Limits, Sandbox
from grocker.store.writing import storage

_NAME = "program"
_ADDRESS = 0x400000
_EXIT = {
    "amd64": bytes.fromhex("b83c000000 31ff 0f05"),  # mov eax, 60; xor edi, edi; syscall
    "arm64": bytes.fromhex("a80b80d2 000080d2 010000d4"),  # mov x8, 93; mov x0, 0; svc 0
}
"""machine code of ``_exit(0)``"""
_INSTALL = "Debian: sudo apt install qemu-user-static binfmt-support"
_ACTION = "testing the emulator"


class NoEmulatorError(UnavailableError):
    """This host's kernel runs no programs of that architecture in a sandbox."""


def require_emulator(architecture: str, scratch: Path) -> None:
    """Raise NoEmulatorError unless programs of ``architecture`` run in this host's sandbox; NoSandboxError without one.

    ``scratch``: an empty directory on a file system that programs may run from.
    """
    root = scratch / "root"
    with storage(_ACTION, scratch):
        for place in (root, scratch / "sandbox"):
            place.mkdir()
        (root / "bin").mkdir()
        (root / "bin" / _NAME).write_bytes(_program(architecture))
        (root / "bin" / _NAME).chmod(0o755)
    isolation = find_isolation(scratch / "sandbox")
    try:
        sandbox = Sandbox(root, limits=Limits(seconds=60))
        output = run(sandbox, [f"/bin/{_NAME}"], isolation=isolation, scratch=scratch / "sandbox", action=_ACTION)
    except UnavailableError as error:
        raise _lack(architecture, error.message.rpartition(": ")[2]) from error
    if output.status != 0:
        raise _lack(architecture, f"exit status {output.status}")


def suggest(architecture: str, scratch: Path) -> str:
    """Say in the imperative how this host would run programs of ``architecture``, for hints.

    ``scratch``: as for ``require_emulator``.
    """
    try:
        require_emulator(architecture, scratch)
    except NoEmulatorError as error:
        return f"{error.hint} and add --emulate"
    except NoSandboxError:
        return "allow user namespaces or run Grocker as root, and add --emulate"
    return f"add --emulate: this machine has an emulator for {architecture}, which is slow"


def warn_if_foreign(progress: Progress, architecture: str) -> None:
    """Say once that programs of ``architecture`` are emulated, unless they are this host's own."""
    if is_foreign(architecture):
        progress.warn(
            f"programs for {architecture} run in an emulator on this {os.uname().machine} machine, many times slower",
            hint="a machine with that processor builds the same image faster",
        )


def _lack(architecture: str, reason: str) -> NoEmulatorError:
    message = f"cannot emulate {architecture} on {os.uname().machine}"
    if reason == os.strerror(errno.ENOEXEC):
        return NoEmulatorError(
            f"{message}: the kernel knows no emulator (binfmt_misc)",
            hint=f"register an emulator for {architecture} ({_INSTALL})",
        )
    return NoEmulatorError(
        f"{message}: the registered emulator does not start in a sandbox: {reason}",
        hint=f"register one that is linked statically, with the flag F ({_INSTALL})",
    )


def _program(architecture: str) -> bytes:
    """Return an executable that does nothing. Source: ELF gABI."""
    code = _EXIT[architecture]
    begin = 64 + 56
    machine = ARCHITECTURES[architecture].elf_machine
    header = struct.pack(
        *("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, machine, 1, _ADDRESS + begin, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    )
    size = begin + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x10000)
    return header + segment + code
