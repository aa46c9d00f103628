"""A slice of ``tools/soak.py``: what ``kill -9`` leaves does no harm to the next build."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tools.soak import soak


@pytest.mark.e2e
@pytest.mark.network
@pytest.mark.long(40)
def test_build_gives_the_same_digest_when_those_before_it_were_killed(tmp_path: Path) -> None:
    done = soak(ROOT / "examples" / "polls", builds=6, seed=8, place=tmp_path)
    assert done.failures == []
    assert done.killed >= 6
