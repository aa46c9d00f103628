"""A slice of the corpus: small releases, built by name, answer with the least configuration of their README."""

from __future__ import annotations

import pytest

from tools.corpus.__main__ import RELEASES
from tools.corpus.applications import read_list
from tools.corpus.trial import Outcome, Result, find_engine, try_application

SLICE = ("cowsay", "copyparty", "pypiserver")
pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network]


@pytest.mark.parametrize("name", SLICE)
def test_release_answers_when_it_is_built_as_it_is(name: str) -> None:
    [application] = [one for one in read_list(RELEASES) if one.name == name]
    assert try_application(application, find_engine(["docker"]), None) == Result(name, Outcome.ANSWERS)
