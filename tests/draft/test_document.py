"""Drafts as TOML."""

from __future__ import annotations

import pytest

from grocker.draft.document import append, render
from grocker.draft.values import Draft
from grocker.errors import SettingsError

DRAFT = Draft({"dependencies": ["libpq5"], "services": {"www": {"wsgi": "a:b"}}}, ("Dockerfile",), ())


def test_draft_is_added_at_the_end_when_there_is_a_project() -> None:
    text = '# mine\n[project]\nname = "shop" # why\n'
    addition = render(DRAFT, inside_project=True)
    assert addition.startswith("# Drafted by grocker init from Dockerfile.\n[tool.grocker]\ndependencies")
    assert append(text, addition) == f"{text}\n{addition}"
    assert append("", addition) == addition


def test_draft_is_a_document_of_its_own_when_there_is_no_project() -> None:
    assert '\n[services.www]\nwsgi = "a:b"\n' in render(DRAFT, inside_project=False)


def test_project_is_refused_when_it_cannot_take_a_table() -> None:
    with pytest.raises(SettingsError, match=r"cannot take \[tool\.grocker\] at its end"):
        append("tool = {}\n", render(DRAFT, inside_project=True))
