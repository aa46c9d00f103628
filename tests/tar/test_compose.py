"""Layers of members: the same bytes for the same members, each directory once and first, no path twice."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker import digest as digests
from grocker.errors import CorruptError
from grocker.store import Store
from grocker.store.check import check
from grocker.tar import member as members
from grocker.tar.compose import ComposedLayer, compose, merged_directories
from grocker.tar.entry import Directory, Entry, File, Hardlink, Symlink
from grocker.tar.member import Member

EPOCH = 315532800


def member(store: Store, subject: str, *entries: Entry) -> Member:
    return members.make_member(store, subject.replace(" ", "-"), entries, subject=subject, epoch=EPOCH)


def layer(store: Store, *parts: Member, lower: dict[str, Directory] | None = None) -> ComposedLayer:
    return compose(store, parts, lower=lower or {}, epoch=EPOCH)[0]


def names(store: Store, made: ComposedLayer) -> list[str]:
    path = store.blob(made.digest)
    assert path is not None
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(path.read_bytes()))) as tar:
        return [m.name + "/" * m.isdir() for m in tar.getmembers()]


def fixed(store: Store) -> ComposedLayer:
    """A small layer of everything that a layer may have."""
    first = member(
        store,
        "first 1",
        Directory("usr"),
        Directory("var/mail", 0o2775, 0, 8),
        File("usr/bin/sudo", b"#!/bin/sh\n" * 100, 0o4755),
        Hardlink("usr/bin/also", "usr/bin/sudo"),
        Symlink("usr/bin/sh", "dash"),
    )
    second = member(store, "second 2", File("srv/é/" + "long" * 40, b"text\n", 0o640, 1000, 4_000_000_000))
    return layer(store, first, second)


def test_layer_has_the_same_bytes_on_every_host(store: Store) -> None:
    """A change here is a change of everybody's digests: raise ``keys.REVISION`` and say so in the changelog."""
    made = fixed(store)
    assert made.diff_id == "sha256:2fdfe07fcf2ed7166fbac214f1fb6c81e082d3a979a4d710933c3d82f116f9cc"
    assert made.digest == "sha256:c5ae59a7da6fc2de5b7668304f6bb95c0c4df1c10d696e923b497bc64b83877e"


def test_layer_has_the_same_bytes_under_another_umask_zone_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = set()
    for number, (umask, zone) in enumerate([(0o022, "UTC"), (0o077, "Asia/Kathmandu"), (0o000, "America/St_Johns")]):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        old = os.umask(umask)
        try:
            with Store.open(tmp_path / str(number)) as store:
                made.add(fixed(store))
        finally:
            os.umask(old)
    monkeypatch.undo()
    time.tzset()
    assert len(made) == 1


def test_layer_is_what_its_digests_say(store: Store) -> None:
    made = fixed(store)
    path = store.blob(made.digest)
    assert path is not None
    data = path.read_bytes()
    plain = gzip.decompress(data)
    assert (made.digest, made.size) == (digests.of(data), len(data))
    assert (made.diff_id, made.plain) == (digests.of(plain), len(plain))
    assert check(store) == ()


def test_layer_names_each_directory_once_and_before_all_files(store: Store) -> None:
    one = member(store, "one", Directory("a"), File("a/x/1", b""), File("b/1", b""))
    two = member(store, "two", Directory("a"), File("a/x/2", b""))
    assert names(store, layer(store, one, two)) == ["a/", "a/x/", "b/", "a/x/1", "b/1", "a/x/2"]


def test_directory_has_the_attributes_of_whoever_gives_it_any() -> None:
    def brings(subject: str, *directories: tuple[str, int, int, int]) -> Member:
        return Member(subject, subject, (), directories, ())

    parts = [
        brings("a", ("d", 0o755, 0, 0), ("e", 0o700, 0, 0)),
        brings("b", ("d", 0o2775, 1000, 0), ("e", 0o711, 0, 0)),
        brings("c", ("f/g", 0o755, 0, 0)),
    ]
    lower = {"f": Directory("f", 0o1777), "f/g": Directory("f/g", 0o750, 3, 3), "e": Directory("e", 0o1777)}
    for order in itertools.permutations(parts):
        assert merged_directories(order, lower) == {
            "d": Directory("d", 0o2775, 1000, 0),
            "e": Directory("e", 0o700),
            "f": Directory("f", 0o1777),
            "f/g": Directory("f/g", 0o750, 3, 3),
        }


_directory = st.tuples(st.sampled_from(["a", "a/b", "a/b/c", "d"]), st.sampled_from([0o755, 0o700, 0o2775]))
_part = st.lists(_directory, max_size=3, unique_by=lambda d: d[0])


@given(st.lists(_part, max_size=4), st.randoms(use_true_random=False))
def test_merged_directories_do_not_depend_on_the_order_of_members(
    described: list[list[tuple[str, int]]], random: object
) -> None:
    parts = [
        Member(str(n), str(n), (), tuple((path, mode, 0, 0) for path, mode in sorted(one)), ("a/b/c/file",))
        for n, one in enumerate(described)
    ]
    merged = merged_directories(parts, {})
    assert merged_directories(reversed(parts), {}) == merged
    assert all(parent in merged for path in merged for parent in [path.rpartition("/")[0]] if parent)


def test_layers_know_the_directories_of_those_below(store: Store) -> None:
    _, below = compose(store, [member(store, "one", Directory("tmp", 0o1777))], lower={}, epoch=EPOCH)
    made, all_of_them = compose(store, [member(store, "two", File("tmp/x", b""))], lower=below, epoch=EPOCH)
    assert all_of_them == {"tmp": Directory("tmp", 0o1777)}
    assert names(store, made) == ["tmp/", "tmp/x"]


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ([File("a/x", b"1")], [File("a/x", b"2")], "one and two both contain /a/x"),
        ([File("a/x", b"1")], [Symlink("a/x", "y")], "one and two both contain /a/x"),
        ([File("a/x", b"1")], [Directory("a/x")], "/a/x is a file or link in one, but a directory in two"),
        ([Directory("a/x")], [Symlink("a/x", "y")], "/a/x is a file or link in two, but a directory in one"),
        ([Symlink("a/x", "y")], [File("a/x/z", b"")], "/a/x is a file or link in one, but a directory in two"),
        ([File("a/x/y/z", b"")], [File("a", b"")], "/a is a file or link in two, but a directory in one"),
    ],
)
def test_compose_refuses_and_names_both_when_members_disagree(
    store: Store, one: list[Entry], two: list[Entry], words: str
) -> None:
    with pytest.raises(CorruptError, match=words):
        layer(store, member(store, "one", *one), member(store, "two", *two))
    assert not list((store.root / "blobs" / "sha256").iterdir())


def test_compose_refuses_members_of_one_subject_when_they_bring_one_path(store: Store) -> None:
    first = members.make_member(store, "k1", [File("a", b"1")], subject="same", epoch=EPOCH)
    second = members.make_member(store, "k2", [File("a", b"2")], subject="same", epoch=EPOCH)
    with pytest.raises(CorruptError, match="same and same both contain /a"):
        layer(store, first, second)


def test_compose_refuses_a_file_when_a_layer_below_has_a_directory_there(store: Store) -> None:
    with pytest.raises(CorruptError, match="/usr/lib is a file or link in one, but a directory in the layers below"):
        layer(store, member(store, "one", Symlink("usr/lib", "lib64")), lower={"usr/lib": Directory("usr/lib")})


def test_compose_leaves_no_blob_and_no_damaged_member_when_one_is_damaged(store: Store) -> None:
    one, two, three = (member(store, name, File(name, b"x" * 999)) for name in ("one", "two", "three"))
    for name in ("two", "three"):
        data = bytearray(store.member(name).read_bytes())
        data[30] ^= 1
        store.member(name).write_bytes(data)
    with pytest.raises(CorruptError, match="reading two from the cache"):
        layer(store, one, two, three)
    assert not list((store.root / "blobs" / "sha256").iterdir())
    assert [members.find_member(store, name) for name in ("one", "two", "three")] == [one, None, None]
    assert check(store) == ()
    again = [member(store, name, File(name, b"x" * 999)) for name in ("two", "three")]
    assert names(store, layer(store, one, *again)) == ["one", "two", "three"]
