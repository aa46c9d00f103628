"""A source tree as an application: what the next build looks at to see whether anything changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.phases import opened_world, request, resolved


@pytest.mark.slow
@pytest.mark.parametrize("name", ["requirements.txt", "more.txt", "poetry.lock", ".dockerignore"])
def test_tree_depends_on_files_that_it_reads_but_leaves_out_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ignored = "*.txt\npoetry.lock\n"
    with opened_world(tmp_path / "world", monkeypatch) as (made, context):
        made.write({"app.py": "", "requirements.txt": "-r more.txt\n", "more.txt": "", ".dockerignore": ignored})
        if name == "poetry.lock":
            made.write({"pyproject.toml": '[project]\nname = "app"\nversion = "1"\n', name: ""})
        [resolution] = resolved(context, request(made, made.project))
        assert str(made.project / name) in resolution.application.files
