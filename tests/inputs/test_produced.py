"""A project's files with those that its commands wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.inputs.produced import Produced, lay_over, with_produced
from grocker.inputs.tree_files import TreeFiles
from grocker.python.source_tree import SourceFile, hash_tree

OWN = tuple(SourceFile(path, "0" * 64) for path in ("app.py", "out/old.js", "out/same.css"))


@pytest.mark.parametrize(
    ("made", "removed", "whole"),
    [
        ((), (), ["app.py", "out/old.js", "out/same.css"]),
        (("out/new.js",), (), ["app.py", "out/new.js", "out/old.js", "out/same.css"]),
        (("out/same.css",), ("out/old.js",), ["app.py", "out/same.css"]),
        (("app.py/x",), (), ["app.py/x", "out/old.js", "out/same.css"]),
    ],
)
def test_written_files_are_in_place_of_those_of_the_project(
    made: tuple[str, ...], removed: tuple[str, ...], whole: list[str]
) -> None:
    written = tuple(SourceFile(path, "1" * 64, place=f"/store/{path}") for path in made)
    found = lay_over(OWN, Produced(written, removed, False, ()))
    assert [one.path for one in found] == whole
    assert [one.path for one in found if one.place] == sorted(made)
    assert [str(one.source(Path("/project"))) for one in found if one.path == "out/old.js"] in (
        [["/project/out/old.js"], []][bool(removed)],
    )


def test_digest_of_a_tree_changes_with_what_commands_wrote() -> None:
    files = TreeFiles(Path("/project"), OWN, hash_tree(OWN), (), (), (), ())
    digests = {
        with_produced(files, Produced((SourceFile("out/a", digest * 64, place="/x"),), (), False, ())).digest
        for digest in ("1", "2")
    }
    assert len({*digests, files.digest}) == 3
    assert with_produced(files, None) is files
