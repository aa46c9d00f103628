from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.registry import MountCandidates
from grocker.store import Store
from grocker.store.check import check

ONE, TWO = digests.of(b"1"), digests.of(b"2")
HOST = "registry.example.invalid"


def test_known_gives_the_last_other_repository_that_has_the_blob() -> None:
    candidates = MountCandidates()
    assert candidates.find(HOST, "a", ONE) is None
    candidates.add(HOST, "a", [ONE])
    candidates.add(HOST, "b", [ONE, TWO])
    assert candidates.find(HOST, "a", ONE) == "b"
    assert candidates.find(HOST, "b", ONE) == "a"
    assert candidates.find(HOST, "b", TWO) is None
    assert candidates.find(HOST, "c", ONE) == "b"
    assert candidates.find("other.example.invalid", "c", ONE) is None


def test_known_is_kept_when_there_is_a_store(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: MountCandidates(store).add(HOST, f"r{n}", [digests.of(b"%d" % n)]), range(20)))
        candidates = MountCandidates(store)
        assert [candidates.find(HOST, "x", digests.of(b"%d" % n)) for n in range(20)] == [f"r{n}" for n in range(20)]
        assert check(store) == ()


@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"a": 5}'])
def test_known_begins_anew_when_its_record_is_damaged(tmp_path: Path, damage: bytes) -> None:
    with Store.open(tmp_path) as store:
        MountCandidates(store).add(HOST, "a", [ONE])
        [record] = (store.root / "steps").glob("pushed-*")
        record.write_bytes(damage)
        assert MountCandidates(store).find(HOST, "b", ONE) is None
        MountCandidates(store).add(HOST, "a", [ONE])
        assert MountCandidates(store).find(HOST, "b", ONE) == "a"


def test_candidates_forget_the_oldest() -> None:
    candidates = MountCandidates(most_blobs=2)
    candidates.add(HOST, "a", [ONE])
    candidates.add(HOST, "a", [TWO])
    candidates.add(HOST, "b", [ONE])  # seen again: no longer the oldest
    candidates.add(HOST, "a", [digests.of(b"3")])
    assert candidates.find(HOST, "x", TWO) is None
    assert candidates.find(HOST, "x", ONE) == "b"
