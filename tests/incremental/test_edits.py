"""What is kept from earlier builds never shows: after any edit, an image is the one that an empty cache gives.

Every run has the same edits; ``make soak`` makes others. ``tests.incremental.run`` says how an edit is judged.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.incremental.project import KINDS
from tests.incremental.run import edit_at_random

_EDITS = {"tree": 10, "repository": 8, "django": 6, "package": 12, "backend": 6}
"""how many of each kind: fewer where a build has more to do"""
_SEEDS = {"package": 2662}
"""where the code of several back ends' projects is to change"""


@pytest.mark.slow
@pytest.mark.long(30)
@pytest.mark.parametrize("kind", KINDS)
def test_image_is_the_one_of_an_empty_cache_after_each_edit(tmp_path: Path, kind: str) -> None:
    run = edit_at_random(tmp_path / "run", kind, edits=_EDITS[kind], seed=_SEEDS.get(kind, 1))
    assert run.failures == [], run.done
    assert len(run.done) == _EDITS[kind]
    assert run.counts["made"] > _EDITS[kind] / 2, run.counts
