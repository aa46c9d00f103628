"""The console script and its streams: closed, without a reader, full, in another locale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grocker.cli.rendering import json_line

pytestmark = pytest.mark.slow

GROCKER = [sys.executable, "-c", "from grocker.cli.main import main; main()"]


@pytest.mark.parametrize(("arguments", "status"), [(["version"], 0), (["build", "/nowhere"], 66)])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing(arguments: list[str], status: int, closed: str) -> None:
    line = ["sh", "-c", f'"$@" {closed}', "sh", *GROCKER, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "status"), [(["version"], 0), (["build", "/nowhere"], 66)])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_reader_that_went_away_changes_nothing(arguments: list[str], status: int, name: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*GROCKER, *arguments], **{name: writing}, check=False)  # type: ignore[call-overload]
    os.close(writing)
    assert done.returncode == status


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_status_is_that_of_the_work_when_standard_error_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        assert subprocess.run([*GROCKER, "build", "/nowhere"], stderr=full, check=False).returncode == 66


_SHORT_OF_MEMORY = """
import resource, sys
from grocker.cli.main import main
import grocker.cli.build, grocker.builder.build
[size] = [int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmSize")]
resource.setrlimit(resource.RLIMIT_AS, (size + (4 << 20), size + (4 << 20)))
main()
"""


def test_lack_of_memory_is_no_bug(tmp_path: Path) -> None:
    settings = tmp_path / "large.toml"
    settings.write_bytes(b"#" * (15 << 20))
    line = [sys.executable, "-c", _SHORT_OF_MEMORY, "build", str(tmp_path), "-c", str(settings)]
    environ = {**os.environ, "GROCKER_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 74
    assert "ulimit" in done.stderr


def test_message_does_not_control_the_terminal() -> None:
    done = subprocess.run([*GROCKER, "build", "/no\x1b[31mwhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 66
    assert "/no\\x1b[31mwhere" in done.stderr
    assert "\x1b" not in done.stderr


def test_json_is_utf_8_whatever_bytes_a_path_has() -> None:
    assert json.loads(json_line({"place": "/caf\udce9", "name": "ä"})) == {"place": "/caf\ufffd", "name": "ä"}
