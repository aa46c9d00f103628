"""The runner's files in the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.layers import runner
from grocker.runner.contract import installed_files
from grocker.store import Store
from grocker.tar.entry import File


def test_runner_is_sources_and_programs_alone() -> None:
    entries = runner.entries()
    assert all(isinstance(entry, File) for entry in entries)
    programs = {entry.path for entry in entries if isinstance(entry, File) and entry.mode == 0o755}
    assert programs == {"opt/grocker/bin/django-admin.py", "opt/grocker/bin/grocker-runner"}
    assert "opt/grocker/lib/grocker_runner/main.py" in {entry.path for entry in entries}


def test_digest_is_another_when_a_module_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "runner"
    (package / "contract").mkdir(parents=True)
    (package / "main.py").write_text("x = 1\n")
    monkeypatch.setattr(installed_files, "__file__", str(package / "contract" / "installed_files.py"))
    with Store.open(tmp_path / "cache") as store:
        first = runner.digest(store)
        assert runner.digest(store) == first
        (package / "main.py").write_text("x = 22\n")
        assert len({first, runner.digest(store)}) == 2
