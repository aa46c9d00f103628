"""The runner's files in the image."""

from __future__ import annotations

from grocker.layers import runner
from grocker.tar.entry import File


def test_runner_is_sources_and_programs_alone() -> None:
    entries = runner.entries()
    assert all(isinstance(entry, File) for entry in entries)
    programs = {entry.path for entry in entries if isinstance(entry, File) and entry.mode == 0o755}
    assert programs == {"opt/grocker/bin/django-admin.py", "opt/grocker/bin/grocker-runner"}
    assert "opt/grocker/lib/grocker_runner/main.py" in {entry.path for entry in entries}
    assert len(runner.digest()) == 64
