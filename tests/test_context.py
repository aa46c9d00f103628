"""Where nothing can be made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grocker.context import check_executable
from grocker.errors import CannotWriteError

MOUNTED = [Path(name) for name in ("/proc", "/sys", "/dev/shm", "/dev/mqueue") if Path(name).is_dir()]
NOEXEC = [path for path in MOUNTED if os.statvfs(path).f_flag & os.ST_NOEXEC]


@pytest.mark.skipif(not NOEXEC, reason="no file system is mounted noexec")
def test_cache_is_refused_when_no_program_runs_from_it() -> None:
    with pytest.raises(CannotWriteError, match="noexec") as caught:
        check_executable(NOEXEC[0])
    assert caught.value.hint == "set GROCKER_CACHE to a directory on another file system"


def test_cache_is_taken_when_programs_run_from_it(tmp_path: Path) -> None:
    check_executable(tmp_path)
