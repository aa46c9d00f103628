"""What ``prune`` removes and keeps, and that a store is whole afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.errors import TryAgainError
from grocker.store import Store
from grocker.store.check import check
from grocker.store.prune import find_entries, prune

NEW, OLD = 2_000_000_000, 1_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "cache") as opened:
        yield opened


def _fill(store: Store, name: str, used: float) -> set[Path]:
    """Put one of everything into the store, last used then; return its paths."""
    before = {path for entry in find_entries(store) for path in entry.paths}
    data = name.encode() * 1000
    blob = store.add_blob(data)
    store.keep("refs", name, f"{name}:latest {blob}".encode())
    store.keep("steps", f"step-{name}", b"{}")
    store.keep_download([data], digest=digests.of(data), size=len(data), what=name)
    with store.new_tree(f"tree-{name}") as tree:
        (tree / "file").write_bytes(data)
    with store.new_member(f"member-{name}") as writer:
        writer.write(data)
    paths = {path for entry in find_entries(store) for path in entry.paths} - before
    for path in paths:
        if path.exists():
            os.utime(path, (used, used))
    return {path for path in paths if path.exists()}


def test_prune_removes_what_was_not_used_since_then_and_keeps_the_rest(store: Store) -> None:
    old, new = _fill(store, "old", OLD), _fill(store, "new", NEW)
    done = prune(store, before=(OLD + NEW) / 2)
    assert [path for path in old if path.exists()] == []
    assert all(path.exists() for path in new)
    assert done.removed == 6
    assert done.freed > 0 < done.kept
    assert check(store) == ()


def test_prune_removes_the_least_recently_used_until_the_rest_fits(store: Store) -> None:
    old, new = _fill(store, "old", OLD), _fill(store, "new", NEW)
    whole = prune(store, before=0, dry_run=True).kept
    done = prune(store, before=0, keep=whole * 6 // 10)
    assert done.kept <= whole * 6 // 10
    assert not any(path.exists() for path in old)
    assert any(path.exists() for path in new)
    assert check(store) == ()


def test_prune_removes_references_to_what_it_removes(store: Store) -> None:
    _fill(store, "old", OLD)
    (reference,) = (store.root / "refs").iterdir()
    os.utime(reference, (NEW, NEW))
    prune(store, before=(OLD + NEW) / 2)
    assert not reference.exists()
    assert check(store) == ()


def test_prune_counts_the_cache_of_uv_as_one(store: Store) -> None:
    uv = store.root / "downloads" / "uv" / "wheels"
    uv.mkdir(parents=True)
    (uv / "a").write_bytes(b"x" * 10_000)
    os.utime(uv / "a", (NEW, NEW))
    for path in (uv, uv.parent):
        os.utime(path, (OLD, OLD))
    assert prune(store, before=(OLD + NEW) / 2).removed == 0
    assert prune(store, before=NEW + 1).removed == 1
    assert not uv.parent.exists()


def test_dry_run_removes_nothing(store: Store) -> None:
    paths = _fill(store, "old", OLD)
    done = prune(store, before=NEW, dry_run=True)
    assert (done.removed, done.kept) == (6, 0)
    assert all(path.exists() for path in paths)


def test_prune_is_refused_while_another_process_uses_the_store(store: Store) -> None:
    paths = _fill(store, "old", OLD)
    with Store.open(store.root.parent), pytest.raises(TryAgainError, match="another Grocker is using it") as caught:
        prune(store, before=NEW)
    assert caught.value.hint
    assert all(path.exists() for path in paths)
