"""Projects as their own tools make them anew: built without an edit, they answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grocker.cli.replay import cache_directory
from tools.corpus.new_projects import PROJECTS, NewProject, try_new
from tools.corpus.trial import find_engine

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network, pytest.mark.long(45)]


# Streamlit's is like the streamlit-app of test_projects.py, and as large.
@pytest.mark.parametrize(
    "project", [one for one in PROJECTS if one.name != "Streamlit"], ids=lambda project: project.name
)
def test_new_project_answers_without_an_edit(project: NewProject, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    cache = Path(cache_directory(os.environ))
    try_new(project, find_engine(["docker"]), tmp_path / "project", cache, tmp_path / "tools")
