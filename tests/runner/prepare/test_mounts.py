from __future__ import annotations

import os
from pathlib import Path

import pytest

from grocker.runner.prepare.mounts import warn_unwritable

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="root is needed to become another user")


def _as_another_user(directory: str, *, read_only: bool) -> None:
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(12345)
            os.setuid(12345)
            warn_unwritable(directory, read_only=read_only)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.parametrize(("mode", "warned"), [(0o755, True), (0o700, True), (0o776, True), (0o777, False)])
def test_directory_that_cannot_be_written_gets_the_commands(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], mode: int, warned: bool
) -> None:
    directory = tmp_path / "media"
    directory.mkdir()
    directory.chmod(mode)
    for parent in directory.parents[:4]:
        if parent.stat().st_uid == os.getuid() and len(parent.parts) > 2:
            parent.chmod(parent.stat().st_mode | 0o011)
    _as_another_user(str(directory), read_only=False)
    message = (
        f"grocker: warning: {directory}: not writable for uid 12345; on the host, run sudo chown -R 12345 or "
        "chmod -R go+rwX on the directory\n"
    )
    assert capfd.readouterr().err == (message if warned else "")


@pytest.mark.parametrize(("read_only", "warned"), [(False, False), (True, True)])
def test_directory_that_is_mounted_read_only_may_be_meant_so(
    capfd: pytest.CaptureFixture[str], read_only: bool, warned: bool
) -> None:
    if not os.statvfs("/sys").f_flag & os.ST_RDONLY:
        pytest.skip("needs a directory on a read-only mount")
    _as_another_user("/sys", read_only=read_only)
    assert bool(capfd.readouterr().err) == warned


def test_what_is_not_there_is_no_mistake(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    warn_unwritable(str(tmp_path / "none"), read_only=False)
    assert capfd.readouterr().err == ""
