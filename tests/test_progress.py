from __future__ import annotations

from grocker.progress import Progress, Silent


def test_silent_progress_keeps_its_warnings() -> None:
    silent = Silent()
    progress: Progress = silent
    with progress.task("fetching numpy 2.1", 10) as task:
        task.advance(10)
    progress.warn("old", "renew it")
    assert silent.warnings == [("old", "renew it")]
