"""``oci:DIR`` and ``archive:FILE``."""

from __future__ import annotations

import errno
import json
import os
import tarfile
from pathlib import Path
from typing import BinaryIO

import pytest

from grocker import digest as digests
from grocker.errors import CannotWriteError, CorruptError, GrockerError, StorageError
from grocker.layer.entry import File
from grocker.layer.tar import END_OF_ARCHIVE, segment
from grocker.oci import Image, Platform, Reference, RunConfig, image, layer, values
from grocker.oci.reference import parse
from grocker.output import layout as layouts
from grocker.output.archive import Archive
from grocker.output.layout import Layout
from grocker.progress import Silent
from tests.support.image import EPOCH, MemoryBlobs, made_image

NAMES = (parse("polls:1.0"), parse("registry.example.invalid/team/polls:1.0"))


def under(root: Path) -> list[str]:
    return sorted(str(one.relative_to(root)) for one in root.rglob("*"))


def refs(root: Path) -> dict[str, str]:
    index = json.loads((root / "index.json").read_bytes())
    return {one["annotations"]["org.opencontainers.image.ref.name"]: one["digest"] for one in index["manifests"]}


class FailingBlobs(MemoryBlobs):
    """Blobs whose last one breaks as a full disk or a damaged cache would."""

    def __init__(self, made: Image, blobs: MemoryBlobs, error: OSError | None) -> None:
        super().__init__(blobs.blobs)
        last = made.layers[-1].digest
        self.error = error
        self.last = last
        if error is None:
            self.blobs[last] = self.blobs[last][:-1] + b"?"

    def open(self, digest: digests.Digest) -> BinaryIO:
        if digest == self.last and self.error is not None:
            raise self.error
        return super().open(digest)


def test_layout_is_valid_when_it_is_new(tmp_path: Path) -> None:
    made, blobs = made_image()
    sink = Layout(tmp_path / "deep" / "er")
    assert not sink.holds(made, NAMES)
    done = sink.deliver(made, NAMES, blobs, Silent())
    assert layouts.problems(sink.path) == ()
    assert refs(sink.path) == {
        "localhost/polls:1.0": made.digest,
        "registry.example.invalid/team/polls:1.0": made.digest,
    }
    assert (done.kind, done.new_bytes, done.detail) == ("oci", made.size, "wrote 3 of 3 layers")
    assert sink.holds(made, NAMES)


def test_layout_is_left_alone_when_it_has_the_image(tmp_path: Path) -> None:
    made, blobs = made_image()
    sink = Layout(tmp_path)
    sink.deliver(made, NAMES, blobs, Silent())
    times = {path: os.stat(tmp_path / path).st_mtime_ns for path in under(tmp_path) if (tmp_path / path).is_file()}
    blobs.opened.clear()
    assert sink.deliver(made, NAMES, blobs, Silent()).new_bytes == 0
    assert blobs.opened == []
    assert {path: os.stat(tmp_path / path).st_mtime_ns for path in times} == times


def test_layout_keeps_other_images_when_one_is_added(tmp_path: Path) -> None:
    sink = Layout(tmp_path)
    first, blobs = made_image("a", "b")
    sink.deliver(first, [parse("polls:1")], blobs, Silent())
    second, blobs = made_image("a", "c")
    done = sink.deliver(second, [parse("polls:2")], blobs, Silent())
    assert done.detail == "wrote 1 of 2 layers"
    assert refs(tmp_path) == {"localhost/polls:1": first.digest, "localhost/polls:2": second.digest}
    assert layouts.problems(tmp_path) == ()


def test_layout_gives_a_name_to_the_new_image_when_another_had_it(tmp_path: Path) -> None:
    sink = Layout(tmp_path)
    sink.deliver(*_named(made_image("a")))
    second, blobs = made_image("b")
    sink.deliver(second, [parse("polls:1")], blobs, Silent())
    assert refs(tmp_path) == {"localhost/polls:1": second.digest}


def _named(made: tuple[Image, MemoryBlobs]) -> tuple[Image, list[Reference], MemoryBlobs, Silent]:
    return made[0], [parse("polls:1")], made[1], Silent()


def test_layout_is_the_same_when_images_came_in_another_order(tmp_path: Path) -> None:
    both = [(made_image("a"), "polls:1"), (made_image("b"), "polls:2")]
    for name, order in (("x", both), ("y", both[::-1])):
        for (made, blobs), reference in order:
            Layout(tmp_path / name).deliver(made, [parse(reference)], blobs, Silent())
    assert (tmp_path / "x" / "index.json").read_bytes() == (tmp_path / "y" / "index.json").read_bytes()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StorageError),
        (OSError(errno.EIO, "Input/output error"), StorageError),
        (None, CorruptError),
    ],
)
def test_layout_leaves_nothing_when_it_fails(tmp_path: Path, error: OSError | None, kind: type[GrockerError]) -> None:
    made, blobs = made_image()
    with pytest.raises(kind) as caught:
        Layout(tmp_path / "a" / "b").deliver(made, NAMES, FailingBlobs(made, blobs, error), Silent())
    assert caught.value.hint or error
    assert under(tmp_path) == []


def test_layout_stays_as_it_was_when_adding_fails(tmp_path: Path) -> None:
    first, blobs = made_image("a")
    Layout(tmp_path).deliver(first, NAMES, blobs, Silent())
    before = under(tmp_path)
    made, blobs = made_image("x", "y")
    with pytest.raises(CorruptError):
        Layout(tmp_path).deliver(made, NAMES, FailingBlobs(made, blobs, None), Silent())
    assert under(tmp_path) == before
    assert layouts.problems(tmp_path) == ()


def test_layout_is_taken_up_when_a_killed_build_left_it(tmp_path: Path) -> None:
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    (tmp_path / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    (tmp_path / "blobs" / "sha256" / ".abc.123.tmp").write_bytes(b"half")
    made, blobs = made_image()
    Layout(tmp_path).deliver(made, NAMES, blobs, Silent())
    assert layouts.problems(tmp_path) == ()
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["file", ".git"])
def test_layout_refuses_a_directory_when_it_has_other_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(CannotWriteError, match="is no OCI layout"):
        Layout(tmp_path).deliver(*_named(made_image()))
    assert under(tmp_path) == [name]


def test_layout_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CannotWriteError, match="it is a file"):
        Layout(tmp_path / "file").deliver(*_named(made_image()))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_layout_cannot_be_written_when_its_parent_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(CannotWriteError):
        Layout(tmp_path / "new").deliver(*_named(made_image()))
    tmp_path.chmod(0o755)


def test_layout_refuses_an_index_that_is_none(tmp_path: Path) -> None:
    Layout(tmp_path).deliver(*_named(made_image("a")))
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(CorruptError, match=r"index\.json is not what it should be"):
        Layout(tmp_path).deliver(*_named(made_image("b")))


def test_archive_has_all_blobs_for_every_engine(tmp_path: Path) -> None:
    made, blobs = made_image()
    done = Archive(tmp_path / "polls.tar").deliver(made, NAMES, blobs, Silent())
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
        Archive(tmp_path / name).deliver(made, NAMES, blobs, Silent())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_archive_of_a_literal_image_has_this_digest(tmp_path: Path) -> None:
    """Golden: what changes it makes every archive another file. Its layer is not compressed: zlibs differ."""
    plain = b"".join(segment([File("a", b"a")], epoch=EPOCH)) + END_OF_ARCHIVE
    digest = digests.of(plain)
    top = layer(digest=digest, size=len(plain), diff_id=digest, title="golden", media_type=values.LAYER)
    made = image([top], platform=Platform("linux", "amd64"), run=RunConfig(user="1000:0"), created=EPOCH)
    assert made.digest == "sha256:f314515fb38818eee9481fece4f9f8830dc60004f95285a18739039c923ed3a0"
    Archive(tmp_path / "a").deliver(made, NAMES, MemoryBlobs({digest: plain}), Silent())
    assert digests.of((tmp_path / "a").read_bytes()) == "sha256:35bf07368e94bee5baa9b8d3b0a4dfd9f3c1bbd9745f2af0e72e63b6c65be104"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), None])
def test_archive_leaves_the_old_file_when_it_fails(tmp_path: Path, error: OSError | None) -> None:
    (tmp_path / "polls.tar").write_text("old")
    made, blobs = made_image()
    with pytest.raises((StorageError, CorruptError)):
        Archive(tmp_path / "polls.tar").deliver(made, NAMES, FailingBlobs(made, blobs, error), Silent())
    assert under(tmp_path) == ["polls.tar"]
    assert (tmp_path / "polls.tar").read_text() == "old"


def test_archive_refuses_a_directory(tmp_path: Path) -> None:
    made, blobs = made_image()
    with pytest.raises(CannotWriteError, match="it is a directory"):
        Archive(tmp_path).deliver(made, NAMES, blobs, Silent())


def test_archive_cannot_be_written_when_its_directory_is_missing(tmp_path: Path) -> None:
    made, blobs = made_image()
    with pytest.raises(GrockerError, match="No such file or directory"):
        Archive(tmp_path / "none" / "polls.tar").deliver(made, NAMES, blobs, Silent())
