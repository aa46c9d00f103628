"""What a sandboxed command sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grocker.sandbox import run
from grocker.sandbox.run import NoSandboxError, find_isolation
from grocker.sandbox.sandbox import Bind, Sandbox


def test_variables_are_fixed_unless_they_are_given() -> None:
    sandbox = Sandbox(Path("/root"), environment={"PATH": "/env/bin", "CC": "gcc"})
    assert sandbox.variables == {
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PATH": "/env/bin",
        "PYTHONHASHSEED": "0",
        "CC": "gcc",
    }


def test_default_shows_nothing_and_has_no_network() -> None:
    sandbox = Sandbox(Path("/root"))
    assert (sandbox.binds, sandbox.has_network) == ((), False)
    assert not Bind(Path("/a"), "/b").is_writable


def test_nothing_of_it_is_imported_before_something_is_compiled() -> None:
    code = "import sys, grocker.builder.build, grocker.python.sdists, grocker.inputs.package; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "grocker.inputs.toolchain" in loaded
    assert [name for name in loaded if name.startswith(("grocker.sandbox", "grocker.python.compiled"))] == []


def test_error_has_the_reason_and_the_choices_when_the_host_allows_no_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "refusing.py"
    refusing.write_text("import sys; sys.exit('unshare: Operation not permitted')\n")
    monkeypatch.setattr(run, "_ENTER", refusing)
    with pytest.raises(NoSandboxError) as raised:
        find_isolation(tmp_path)
    assert raised.value.message == "this host does not allow a sandbox: unshare: Operation not permitted"
    assert "allow user namespaces" in str(raised.value.hint)
