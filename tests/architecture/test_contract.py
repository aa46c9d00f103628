"""Every clause of the contract is proved under docker and under podman."""

from __future__ import annotations

import pytest

from tests.e2e.contract.clauses import TEXT, Proof, clauses, collected, lacking


def test_clauses_are_those_of_the_contract() -> None:
    found = clauses()
    assert (found[0], found[-1], len(set(found))) == ("P1", TEXT, len(found))
    assert {"V4", "U1", "C6", "S1", "E13", "H5", "K5", "X5"} < set(found)


@pytest.mark.slow
def test_clause_is_proved_under_docker_and_podman() -> None:
    assert lacking(collected()) == set()


def test_clause_is_missed_when_an_engine_is() -> None:
    proofs = [Proof(("P1", "P2"), "test_P1_x", "x.py", ("docker",)), Proof(("P1",), "test_P1_y", "x.py", ("podman",))]
    missed = lacking(proofs)
    assert ("P2", "podman") in missed
    assert not {("P1", "docker"), ("P1", "podman"), ("P2", "docker")} & missed
