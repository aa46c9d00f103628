from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.runner.servers import load_failure
from tests.support.patience import PATIENCE


def _load(path: Path, text: str) -> Callable[[], None]:
    path.write_text(text)

    def load() -> None:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

    return load


@pytest.mark.parametrize(
    ("text", "summary", "reason"),
    [
        ("import os\nos.environ['NO_SUCH']\n", "KeyError (site.py:2)", "KeyError: 'NO_SUCH' (site.py:2)"),
        ("x = (\n", "SyntaxError (site.py:1)", "SyntaxError: '(' was never closed (site.py:1)"),
        ("import sys\nsys.exit('set A')\n", "SystemExit (site.py:2)", "SystemExit: set A (site.py:2)"),
        ("\nraise ValueError\n", "ValueError (site.py:2)", "ValueError (site.py:2)"),
        (
            "import nowhere_at_all\n",
            "ModuleNotFoundError (site.py:1)",
            "ModuleNotFoundError: No module named 'nowhere_at_all' (site.py:1)",
        ),
        ("raise OSError('two\\nlines\\t\\x1b')\n", "OSError (site.py:1)", "OSError: two lines \x1b (site.py:1)"),
        (
            "import json\njson.loads('')\n",
            "json.decoder.JSONDecodeError (site.py:2)",
            "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0) (site.py:2)",
        ),
        (
            "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('no') from e\n",
            "RuntimeError (site.py:4)",
            "RuntimeError: no (site.py:4)",
        ),
    ],
)
def test_reason_has_exception_message_file_and_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    text: str,
    summary: str,
    reason: str,
) -> None:
    """The place is the application's own, not the standard library's."""
    monkeypatch.syspath_prepend(tmp_path)
    started = time.monotonic()
    with pytest.raises(BaseException) as raised:
        _load(tmp_path / "site.py", text)()
    load_failure.report(str(tmp_path), raised.value)
    found = load_failure.read(str(tmp_path), started)
    assert found is not None
    assert (found.summary, found.reason) == (summary, reason)
    assert load_failure.read(str(tmp_path), time.monotonic()) is None
    assert type(raised.value).__name__ in capfd.readouterr().err


def test_same_reason_is_printed_once_and_another_one_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        load_failure.report(str(tmp_path), KeyError("A"))
    load_failure.report(str(tmp_path), KeyError("B"))
    err = capfd.readouterr().err
    assert (err.count("KeyError: 'A'"), err.count("KeyError: 'B'")) == (1, 1)
    load_failure.report(str(tmp_path), "no database\nat all")
    found = load_failure.read(str(tmp_path), 0.0)
    assert found is not None
    assert found.reason == "no database at all"


def test_workers_that_fail_at_once_print_one_traceback(tmp_path: Path) -> None:
    program = f"from grocker.runner.servers import load_failure as l; l.report({str(tmp_path)!r}, KeyError('A'))"
    workers = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(6)]
    assert sum(worker.communicate(timeout=PATIENCE)[1].count("KeyError") for worker in workers) == 1


def test_traceback_is_written_at_once(tmp_path: Path) -> None:
    """Otherwise lines of other processes could come between its own."""
    program = (
        "from grocker.runner.servers import load_failure\n"
        f"try: {{}}['A']\nexcept KeyError as error: load_failure.report({str(tmp_path)!r}, error)"
    )
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps what was written apart
    ours.settimeout(PATIENCE)
    with ours, theirs:
        subprocess.run([sys.executable, "-c", program], stderr=theirs.fileno(), check=True)
        written = ours.recv(1 << 16)
    assert written.startswith(b"Traceback (most recent call last):\n  ")
    assert written.endswith(b"\nKeyError: 'A'\n")


def test_reason_is_printed_when_it_cannot_be_recorded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_failure.report(str(tmp_path / "none"), KeyError("A"))
    assert "KeyError: 'A'" in capfd.readouterr().err
    assert load_failure.read(str(tmp_path / "none"), 0.0) is None


@pytest.mark.parametrize("content", ["", "x\ny\nz", "1\n2", "9e999\n\n\n\n"])
def test_damaged_record_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "load-failure").write_text(content)
    assert load_failure.read(str(tmp_path), 0.0) is None


def test_long_message_is_cut(tmp_path: Path) -> None:
    assert load_failure.report(str(tmp_path), ValueError("x" * 100_000)) == f"ValueError: {'x' * 500} [cut]"
