from __future__ import annotations

import errno
import json
import tarfile
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.errors import CannotWriteError, CorruptError, GrockerError, StorageError
from grocker.images.archive import Archive
from grocker.oci import Platform, RunConfig, image, layer, values
from grocker.oci.index import index
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.tar.entry import File
from grocker.tar.writer import END_OF_ARCHIVE, segment
from tests.support.image import EPOCH, FailingBlobs, MemoryBlobs, made_image, two_images

NAMES = (parse("polls:1.0"), parse("registry.example.invalid/team/polls:1.0"))


def under(root: Path) -> list[str]:
    return sorted(str(one.relative_to(root)) for one in root.rglob("*"))


def test_archive_has_all_blobs_for_every_engine(tmp_path: Path) -> None:
    made, blobs = made_image()
    done = Archive(tmp_path / "polls.tar").deliver([made], NAMES, blobs, Silent())
    assert done.new_bytes == (tmp_path / "polls.tar").stat().st_size
    with tarfile.open(tmp_path / "polls.tar") as archive:
        members = {one.name: one for one in archive}
        files = {name: stream.read() for name in members if (stream := archive.extractfile(name)) is not None}
    assert list(members) == sorted(members)
    assert {one.mtime for one in members.values()} == {made.created}
    assert json.loads(files["manifest.json"]) == [
        {
            "Config": f"blobs/sha256/{made.config.digest[7:]}",
            "Layers": [f"blobs/sha256/{one.digest[7:]}" for one in made.layers],
            "RepoTags": ["polls:1.0", "registry.example.invalid/team/polls:1.0"],
        }
    ]
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert digests.of(data)[7:] == name.rpartition("/")[2]
        else:
            assert name in ("index.json", "manifest.json", "oci-layout")


def test_archive_is_the_same_when_it_is_written_twice(tmp_path: Path) -> None:
    made, blobs = made_image()
    for name in ("a", "b"):
        Archive(tmp_path / name).deliver([made], NAMES, blobs, Silent())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_archive_of_a_literal_image_has_this_digest(tmp_path: Path) -> None:
    """Golden: what changes it makes every archive another file. Its layer is not compressed: zlibs differ."""
    plain = b"".join(segment([File("a", b"a")], epoch=EPOCH)) + END_OF_ARCHIVE
    digest = digests.of(plain)
    top = layer(digest=digest, size=len(plain), diff_id=digest, title="golden", media_type=values.LAYER)
    made = image([top], platform=Platform("linux", "amd64"), run=RunConfig(user="1000:0"), created=EPOCH)
    assert made.digest == "sha256:f314515fb38818eee9481fece4f9f8830dc60004f95285a18739039c923ed3a0"
    Archive(tmp_path / "a").deliver([made], NAMES, MemoryBlobs({digest: plain}), Silent())
    assert (
        digests.of((tmp_path / "a").read_bytes())
        == "sha256:35bf07368e94bee5baa9b8d3b0a4dfd9f3c1bbd9745f2af0e72e63b6c65be104"
    )


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), None])
def test_archive_leaves_the_old_file_when_it_fails(tmp_path: Path, error: OSError | None) -> None:
    (tmp_path / "polls.tar").write_text("old")
    made, blobs = made_image()
    with pytest.raises((StorageError, CorruptError)):
        Archive(tmp_path / "polls.tar").deliver([made], NAMES, FailingBlobs(made, blobs, error), Silent())
    assert under(tmp_path) == ["polls.tar"]
    assert (tmp_path / "polls.tar").read_text() == "old"


def test_archive_refuses_a_directory(tmp_path: Path) -> None:
    made, blobs = made_image()
    with pytest.raises(CannotWriteError, match="it is a directory"):
        Archive(tmp_path).deliver([made], NAMES, blobs, Silent())


def test_archive_cannot_be_written_when_its_directory_is_missing(tmp_path: Path) -> None:
    made, blobs = made_image()
    with pytest.raises(GrockerError, match="No such file or directory"):
        Archive(tmp_path / "none" / "polls.tar").deliver([made], NAMES, blobs, Silent())


def test_archive_has_every_platform_and_older_engines_find_the_first(tmp_path: Path) -> None:
    images, blobs = two_images()
    Archive(tmp_path / "polls.tar").deliver(images, NAMES, blobs, Silent())
    with tarfile.open(tmp_path / "polls.tar") as archive:
        files = {one.name: stream.read() for one in archive if (stream := archive.extractfile(one)) is not None}
    assert {one["digest"] for one in json.loads(files["index.json"])["manifests"]} == {index(images).digest}
    for one in images:
        for digest in (one.digest, one.config.digest, *(top.digest for top in one.layers)):
            assert f"blobs/sha256/{digest[7:]}" in files
    [entry] = json.loads(files["manifest.json"])
    assert entry["Config"] == f"blobs/sha256/{images[0].config.digest[7:]}"
