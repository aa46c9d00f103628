"""Every parser that reads what others wrote: the inputs that once showed a fault, and some hundred mutations."""

from __future__ import annotations

import gc

import pytest

from tests.fuzz.mutation import mutations
from tests.fuzz.target import Finding, Target, bounded_memory, find_fault
from tests.fuzz.targets import CORPUS, TARGETS, read_corpus

pytestmark = pytest.mark.usefixtures("without_collector")
_COLLECTED = 500
"""inputs between two runs of the collector"""


def _told(finding: Finding, data: bytes) -> str:
    return f"{finding.key}\n{data[:300]!r}\n{finding.details}"


def test_input_that_once_showed_a_fault_is_answered() -> None:
    found = [
        f"{name}/{file}: {_told(finding, data)}"
        for name, target in TARGETS.items()
        for file, data in read_corpus(name).items()
        if (finding := find_fault(target, data)) is not None
    ]
    assert found == []


def test_corpus_belongs_to_targets() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= TARGETS.keys()


def test_seed_is_accepted() -> None:
    """Mutations of an input that is refused at once would try little."""
    for target in TARGETS.values():
        for seed in target.seeds():
            finding = find_fault(target, seed)
            assert finding is None, f"{target.name}: {_told(finding, seed)}"
        assert any(_is_accepted(target, seed) for seed in target.seeds()), target.name


def _is_accepted(target: Target, data: bytes) -> bool:
    try:
        target.run(data)
    except target.answers:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_mutation_is_accepted_or_answered(name: str) -> None:
    target = TARGETS[name]
    with bounded_memory():
        for number, data in enumerate(mutations(target.seeds(), target.words, count=target.tries, seed=1)):
            finding = find_fault(target, data)
            assert finding is None, _told(finding, data)
            if number % _COLLECTED == 0:
                gc.collect()
