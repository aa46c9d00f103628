from __future__ import annotations

import pytest

from grocker.runner.supervise.read_only_path import explain

DENIED = "PermissionError: [Errno 13] Permission denied: "
READ_ONLY = "OSError: [Errno 30] Read-only file system: "
LIST = '; /opt/app is read-only: set [tool.grocker] writable = ["{}"] and build again'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{DENIED}'/opt/app/data'", LIST.format("data")),
        (f"{DENIED}'data/log.txt' (shop/log.py:3)", LIST.format("data")),
        (f"{READ_ONLY}'/opt/app/var/log/x.log'", LIST.format("var/log")),
        (f"{DENIED}'state.db'", LIST.format("state.db")),
        (f"{DENIED}'app.log'", "; /opt/app is read-only: let the application write app.log below /media"),
        (
            f"{DENIED}'/opt/venv/lib/python3.13/site-packages/x'",
            "; installed packages are read-only: let the application write below /media",
        ),
        (f"{DENIED}'/etc/passwd'", ""),
        (f"{DENIED}'../secret'", ""),
        ("KeyError: 'A'", ""),
        (
            "sqlite3.OperationalError: unable to open database file",
            "; if the database is beside the code, list its path in [tool.grocker] writable and build again",
        ),
        (
            "django.db.utils.OperationalError: attempt to write a readonly database",
            "; if the database is beside the code, list its path in [tool.grocker] writable and build again",
        ),
    ],
)
def test_read_only_path_of_the_application_is_explained_with_its_remedy(line: str, said: str) -> None:
    assert explain(("before", line), "/opt/app") == said


def test_remark_of_a_library_below_the_exception_does_not_hide_it() -> None:
    lines = ("sqlalchemy.exc.OperationalError: unable to open database file", "(Background on this error at: …)")
    assert "writable" in explain(lines, "/opt/app/jobs")
    assert explain((lines[0], *["later"] * 20), "/opt/app") == ""
    assert explain((), "/opt/app") == ""
