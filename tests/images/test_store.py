from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import MissingError
from grocker.images.store import list_names, load_image
from grocker.oci.index import index
from grocker.oci.reference import parse
from grocker.store import Store
from tests.support.image import keep, made_image, two_images
from tests.support.soci import seekable_image


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as one:
        yield one


def test_stored_gives_the_very_images_that_a_build_kept(store: Store) -> None:
    images, blobs = two_images()
    keep(store, "polls:1.0", images, blobs)
    found = load_image(store, parse("polls:1.0"))
    assert found.images == tuple(images)
    assert found.root == index(images)
    assert load_image(store, parse("docker.io/library/polls:1.0")) == found
    assert load_image(store, parse(f"anything@{images[1].digest}")).images == (images[1],)


def test_names_are_all_that_builds_kept(store: Store) -> None:
    for name in ("b:2", "registry.example.invalid/a:1"):
        image, blobs = made_image(name)
        keep(store, name, [image], blobs)
    store.keep("refs", "odd", b"nothing that is one\n")
    assert list(list_names(store)) == ["docker.io/library/b:2", "registry.example.invalid/a:1"]


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("polls", "the store has: polls:1.0, polls:2.0"),
        ("pols:1.0", "the store has: polls:1.0, polls:2.0"),
        ("other:7", "the store has: polls:1.0, polls:2.0"),
    ],
)
def test_stored_says_what_there_is_when_the_name_is_not(store: Store, asked: str, hint: str) -> None:
    for tag in ("1.0", "2.0"):
        image, blobs = made_image(tag)
        keep(store, f"polls:{tag}", [image], blobs)
    with pytest.raises(MissingError) as caught:
        load_image(store, parse(asked))
    assert caught.value.hint == hint


def test_stored_names_the_one_tag_when_there_is_one(store: Store) -> None:
    for name in ("polls:1.0", "shop:2.0"):
        image, blobs = made_image(name)
        keep(store, name, [image], blobs)
    for text in ("polls", "polls:2"):
        with pytest.raises(MissingError) as caught:
            load_image(store, parse(text))
        assert caught.value.hint == "did you mean polls:1.0?"


def test_stored_says_how_to_begin_when_the_store_is_empty(store: Store) -> None:
    with pytest.raises(MissingError) as caught:
        load_image(store, parse("polls"))
    assert caught.value.hint == "build one: grocker build DIRECTORY -t NAME"


@pytest.mark.parametrize("part", ["layer", "config", "manifest", "index", "cut"])
def test_stored_says_build_again_when_a_part_is_gone_or_damaged(store: Store, part: str) -> None:
    images, blobs = two_images()
    keep(store, "polls:1.0", images, blobs)
    digest = {
        "layer": images[1].layers[-1].digest,
        "cut": images[1].layers[-1].digest,
        "config": images[0].config.digest,
        "manifest": images[0].digest,
        "index": index(images).digest,
    }[part]
    place = store.blob(digest)
    assert place is not None
    if part == "layer":
        place.unlink()
    else:
        place.write_bytes(place.read_bytes()[:-1])
    with pytest.raises(MissingError) as caught:
        load_image(store, parse("polls:1.0"))
    assert caught.value.hint == "build again"
    assert store.blob(digest) is None


def test_stored_gives_an_image_with_its_soci_index(store: Store) -> None:
    made, blobs = seekable_image()
    assert made.soci is not None
    keep(store, "polls:1.0", [made], blobs)
    found = load_image(store, parse("polls:1.0"))
    assert (found.root, found.images[0].soci) == (index([made]), made.soci)
    path = store.blob(made.soci.tables[0].digest)
    assert path is not None
    path.unlink()
    with pytest.raises(MissingError, match="a table of contents"):
        load_image(store, parse("polls:1.0"))
