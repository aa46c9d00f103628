from __future__ import annotations

import errno
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grocker import digest as digests
from grocker.errors import CannotWriteError, CorruptError, GrockerError, StorageError
from grocker.images import layout as layouts
from grocker.images.layout import Layout
from grocker.images.places import is_still_there
from grocker.images.sink import PlaceContext, ReferrerSink
from grocker.oci import Document, Image, Reference, values
from grocker.oci.artifact import artifact
from grocker.oci.index import index
from grocker.oci.reference import parse
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport
from tests.support.image import FailingBlobs, MemoryBlobs, made_image, two_images
from tests.support.soci import seekable_image
from tests.support.user import ordinary_user

NAMES = (parse("polls:1.0"), parse("registry.example.invalid/team/polls:1.0"))


def under(root: Path) -> list[str]:
    return sorted(str(one.relative_to(root)) for one in root.rglob("*"))


def refs(root: Path) -> dict[str, str]:
    index = json.loads((root / "index.json").read_bytes())
    return {one["annotations"]["org.opencontainers.image.ref.name"]: one["digest"] for one in index["manifests"]}


def test_layout_is_valid_when_it_is_new(tmp_path: Path) -> None:
    made, blobs = made_image()
    sink = Layout(tmp_path / "deep" / "er")
    done = sink.deliver([made], NAMES, blobs, Silent())
    assert layouts.problems(sink.path) == ()
    assert refs(sink.path) == {
        "localhost/polls:1.0": made.digest,
        "registry.example.invalid/team/polls:1.0": made.digest,
    }
    assert (done.kind, done.new_bytes, done.detail) == ("oci", made.size, "wrote 3 of 3 layers")


def test_layout_is_left_alone_when_it_has_the_image(tmp_path: Path) -> None:
    made, blobs = made_image()
    sink = Layout(tmp_path)
    sink.deliver([made], NAMES, blobs, Silent())
    times = {path: os.stat(tmp_path / path).st_mtime_ns for path in under(tmp_path) if (tmp_path / path).is_file()}
    blobs.opened.clear()
    assert sink.deliver([made], NAMES, blobs, Silent()).new_bytes == 0
    assert blobs.opened == []
    assert {path: os.stat(tmp_path / path).st_mtime_ns for path in times} == times


def test_layout_keeps_other_images_when_one_is_added(tmp_path: Path) -> None:
    sink = Layout(tmp_path)
    first, blobs = made_image("a", "b")
    sink.deliver([first], [parse("polls:1")], blobs, Silent())
    second, blobs = made_image("a", "c")
    done = sink.deliver([second], [parse("polls:2")], blobs, Silent())
    assert done.detail == "wrote 1 of 2 layers"
    assert refs(tmp_path) == {"localhost/polls:1": first.digest, "localhost/polls:2": second.digest}
    assert layouts.problems(tmp_path) == ()


def test_layout_gives_a_name_to_the_new_image_when_another_had_it(tmp_path: Path) -> None:
    sink = Layout(tmp_path)
    sink.deliver(*_named(made_image("a")))
    second, blobs = made_image("b")
    sink.deliver([second], [parse("polls:1")], blobs, Silent())
    assert refs(tmp_path) == {"localhost/polls:1": second.digest}


def _named(made: tuple[Image, MemoryBlobs]) -> tuple[list[Image], list[Reference], MemoryBlobs, Silent]:
    return [made[0]], [parse("polls:1")], made[1], Silent()


def test_layout_is_the_same_when_images_came_in_another_order(tmp_path: Path) -> None:
    both = [(made_image("a"), "polls:1"), (made_image("b"), "polls:2")]
    for name, order in (("x", both), ("y", both[::-1])):
        for (made, blobs), reference in order:
            Layout(tmp_path / name).deliver([made], [parse(reference)], blobs, Silent())
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
        Layout(tmp_path / "a" / "b").deliver([made], NAMES, FailingBlobs(made, blobs, error), Silent())
    assert caught.value.hint or error
    assert under(tmp_path) == []


def test_layout_stays_as_it_was_when_adding_fails(tmp_path: Path) -> None:
    first, blobs = made_image("a")
    Layout(tmp_path).deliver([first], NAMES, blobs, Silent())
    before = under(tmp_path)
    made, blobs = made_image("x", "y")
    with pytest.raises(CorruptError):
        Layout(tmp_path).deliver([made], NAMES, FailingBlobs(made, blobs, None), Silent())
    assert under(tmp_path) == before
    assert layouts.problems(tmp_path) == ()


def test_layout_is_taken_up_when_a_killed_build_left_it(tmp_path: Path) -> None:
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    (tmp_path / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    (tmp_path / "blobs" / "sha256" / ".abc.123.tmp").write_bytes(b"half")
    made, blobs = made_image()
    Layout(tmp_path).deliver([made], NAMES, blobs, Silent())
    assert layouts.problems(tmp_path) == ()
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["file", ".git"])
def test_layout_refuses_a_directory_when_it_has_other_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(CannotWriteError, match="is not an OCI layout"):
        Layout(tmp_path).deliver(*_named(made_image()))
    assert under(tmp_path) == [name]


def test_layout_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CannotWriteError, match="it is a file"):
        Layout(tmp_path / "file").deliver(*_named(made_image()))


def test_layout_cannot_be_written_when_its_parent_is_closed() -> None:
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o555)
        image = _named(made_image())
        with ordinary_user(), pytest.raises(CannotWriteError):
            Layout(Path(parent) / "new").deliver(*image)


def test_layout_refuses_an_index_that_is_none(tmp_path: Path) -> None:
    Layout(tmp_path).deliver(*_named(made_image("a")))
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(CorruptError, match=r"index\.json is malformed"):
        Layout(tmp_path).deliver(*_named(made_image("b")))


def test_layout_has_all_images_when_many_write_at_once(tmp_path: Path) -> None:
    made = [made_image("shared", str(number)) for number in range(8)]

    def write(number: int) -> None:
        image, blobs = made[number]
        Layout(tmp_path / "layout").deliver([image], [parse(f"polls:{number}")], blobs, Silent())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert layouts.problems(tmp_path / "layout") == ()
    assert refs(tmp_path / "layout") == {f"localhost/polls:{n}": made[n][0].digest for n in range(8)}


def test_layout_has_every_platform_under_one_name(tmp_path: Path) -> None:
    images, blobs = two_images()
    done = Layout(tmp_path).deliver(images, NAMES, blobs, Silent())
    assert layouts.problems(tmp_path) == ()
    assert set(refs(tmp_path).values()) == {index(images).digest}
    assert done.detail == "wrote 3 of 3 layers"
    assert Layout(tmp_path).deliver(images, NAMES, blobs, Silent()).new_bytes == 0
    found = json.loads((tmp_path / "index.json").read_bytes())["manifests"][0]
    assert "platform" not in found
    assert found["mediaType"] == "application/vnd.oci.image.index.v1+json"


def test_layout_has_a_problem_when_an_index_names_a_platform_that_its_image_is_not_for(tmp_path: Path) -> None:
    images, blobs = two_images()
    Layout(tmp_path).deliver(images, NAMES, blobs, Silent())
    place = tmp_path / "blobs" / "sha256" / index(images).digest[7:]
    wrong = place.read_bytes().replace(b"arm64", b"mips5")
    digest = digests.of(wrong)
    (place.parent / digest[7:]).write_bytes(wrong)
    top = (tmp_path / "index.json").read_text().replace(index(images).digest, digest)
    (tmp_path / "index.json").write_text(top)
    assert [one for one in layouts.problems(tmp_path) if "its index says linux/mips5" in one]
    place.write_bytes(wrong)
    assert layouts.problems(tmp_path)


def test_layout_has_a_problem_when_an_index_names_a_platform_twice(tmp_path: Path) -> None:
    images, blobs = two_images()
    Layout(tmp_path).deliver(images, NAMES, blobs, Silent())
    data = index(images).data
    document = json.loads(data)
    document["manifests"][1] = document["manifests"][0]
    wrong = json.dumps(document).encode()
    digest = digests.of(wrong)
    (tmp_path / "blobs" / "sha256" / digest[7:]).write_bytes(wrong)
    top = (tmp_path / "index.json").read_text().replace(index(images).digest, digest)
    (tmp_path / "index.json").write_text(top.replace(f'"size":{len(data)}', f'"size":{len(wrong)}'))
    assert f"{digest} has two images for linux/amd64" in layouts.problems(tmp_path)


def test_artifact_lies_beside_the_image_that_it_refers_to(tmp_path: Path) -> None:
    made, blobs = made_image()
    sink = Layout(tmp_path)
    assert isinstance(sink, ReferrerSink)
    before = sink.deliver([made], NAMES[:1], blobs, Silent()).evidence
    content = Document(values.describe("application/spdx+json", b"{}\n"), b"{}\n")
    bill = artifact(made.manifest.descriptor, "application/spdx+json", [content])
    for _ in range(2):
        [evidence] = sink.attach(bill, NAMES[:1])
        assert is_still_there(evidence, {})
    assert not is_still_there(before[0], {})
    assert layouts.problems(tmp_path) == ()
    listed = layouts.read_index(tmp_path).manifests
    assert [one.digest for one in listed] == [bill.manifest.digest, made.digest]
    assert listed[0] == bill.descriptor
    # Another image keeps it, and whoever reads the layout takes it for no image.
    other, more = made_image("other")
    sink.deliver([other], [parse("polls:2.0")], more, Silent())
    assert bill.descriptor in layouts.read_index(tmp_path).manifests
    with Store.open(tmp_path / "cache") as store, Transport(environ={}) as transport:
        context = PlaceContext(store, transport, {}, tmp_path, 1000)
        with layouts.open_image(f"{tmp_path}:polls:1.0", context) as found:
            assert found.root.digest == made.digest


def test_layout_has_a_problem_when_a_blob_of_an_artifact_is_damaged(tmp_path: Path) -> None:
    made, blobs = made_image()
    sink = Layout(tmp_path)
    sink.deliver([made], NAMES[:1], blobs, Silent())
    content = Document(values.describe("text/plain", b"right"), b"right")
    sink.attach(artifact(made.manifest.descriptor, "text/plain", [content]), NAMES[:1])
    (tmp_path / "blobs" / "sha256" / digests.hexadecimal(content.digest)).write_bytes(b"wrong")
    [problem] = layouts.problems(tmp_path)
    assert problem == f"{content.digest} has the digest {digests.of(b'wrong')}"


def test_soci_index_is_in_the_layout_with_its_image(tmp_path: Path) -> None:
    made, blobs = seekable_image()
    assert made.soci is not None
    sink = Layout(tmp_path)
    sink.deliver([made], NAMES, blobs, Silent())
    assert layouts.problems(tmp_path) == ()
    assert set(refs(tmp_path).values()) == {index([made]).digest}
    [table] = made.soci.tables
    assert (tmp_path / "blobs" / "sha256" / table.digest[7:]).read_bytes() == blobs.blobs[table.digest]
    assert sink.deliver([made], NAMES, blobs, Silent()).new_bytes == 0
