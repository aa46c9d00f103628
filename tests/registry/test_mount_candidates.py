from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.registry import Known
from grocker.store import Store
from grocker.store.check import check

ONE, TWO = digests.of(b"1"), digests.of(b"2")
HOST = "registry.example.invalid"


def test_known_gives_the_last_other_repository_that_has_the_blob() -> None:
    known = Known()
    assert known.source(HOST, "a", ONE) is None
    known.note(HOST, "a", [ONE])
    known.note(HOST, "b", [ONE, TWO])
    assert known.source(HOST, "a", ONE) == "b"
    assert known.source(HOST, "b", ONE) == "a"
    assert known.source(HOST, "b", TWO) is None
    assert known.source(HOST, "c", ONE) == "b"
    assert known.source("other.example.invalid", "c", ONE) is None


def test_known_is_kept_when_there_is_a_store(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: Known(store).note(HOST, f"r{n}", [digests.of(b"%d" % n)]), range(20)))
        known = Known(store)
        assert [known.source(HOST, "x", digests.of(b"%d" % n)) for n in range(20)] == [f"r{n}" for n in range(20)]
        assert check(store) == ()


@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"a": 5}'])
def test_known_begins_anew_when_its_record_is_damaged(tmp_path: Path, damage: bytes) -> None:
    with Store.open(tmp_path) as store:
        Known(store).note(HOST, "a", [ONE])
        [record] = (store.root / "steps").glob("pushed-*")
        record.write_bytes(damage)
        assert Known(store).source(HOST, "b", ONE) is None
        Known(store).note(HOST, "a", [ONE])
        assert Known(store).source(HOST, "b", ONE) == "a"


def test_known_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grocker.registry.mount_candidates._MOST_BLOBS", 2)
    known = Known()
    known.note(HOST, "a", [ONE])
    known.note(HOST, "a", [TWO])
    known.note(HOST, "b", [ONE])  # seen again: no longer the oldest
    known.note(HOST, "a", [digests.of(b"3")])
    assert known.source(HOST, "x", TWO) is None
    assert known.source(HOST, "x", ONE) == "b"
