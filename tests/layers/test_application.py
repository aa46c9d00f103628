"""The layer of the application."""

from __future__ import annotations

from grocker.layers.application import entries
from grocker.plan.documents import Documents
from grocker.tar.entry import File


def test_application_has_a_crontab_when_there_is_one() -> None:
    assert [entry.path for entry in entries((), Documents(b"{}", b""))] == [
        "opt/grocker/image.json",
        "opt/grocker/config/50_default_settings.ini",
    ]
    assert File("opt/grocker/crontab", b"@daily x\n") in entries((), Documents(b"{}", b"", b"@daily x\n"))


def test_application_has_its_wheels_files_below_its_documents() -> None:
    own = File("opt/venv/lib/python3.13/site-packages/polls.py", b"")
    assert entries((own,), Documents(b"{}", b""))[0] == own
