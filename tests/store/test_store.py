"""The store: what is in it is whole, what is not sound is made again, and many may use it at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from grocker import digest as digests
from grocker.errors import CannotWriteError, CorruptError, MissingError
from grocker.store import Store
from grocker.store.check import check
from grocker.store.store import Room, abandoned
from grocker.store.writing import require
from tests.support.patience import PATIENCE

DATA = b"the bytes of a wheel" * 100
DIGEST = digests.of(DATA)


def temporary(store: Store) -> list[str]:
    """What a process has unfinished, beside its claim."""
    return [str(p) for p in (store.root / "tmp").rglob("*") if p.is_file() and p.name != "owner"]


def keep(store: Store, data: bytes = DATA) -> Path:
    return store.keep_download([data[:100], data[100:]], digest=digests.of(data), size=len(data), what="x 1.0")


def test_store_is_new_until_it_was_opened_once_also_when_only_downloads_are_left(tmp_path: Path) -> None:
    for is_new in (True, False):
        with Store.open(tmp_path) as store:
            assert store.is_new is is_new
    for room in ("members", "steps", "blobs/sha256"):
        (tmp_path / "v1" / room).rmdir()
    with Store.open(tmp_path) as store:
        assert store.is_new


def test_download_is_found_when_it_was_kept(store: Store) -> None:
    assert store.download(DIGEST) is None
    path = keep(store)
    assert store.download(DIGEST) == store.sound_download(DIGEST) == path
    assert path.read_bytes() == DATA
    assert check(store) == ()


@pytest.mark.parametrize(
    ("arrived", "words"),
    [
        (DATA[:-1], "x 1.0: expected 2000 bytes, got 1999"),
        (DATA + b"!", "x 1.0: expected 2000 bytes, got more than 2000"),
        (b"T" + DATA[1:], f"x 1.0: expected {DIGEST}, got sha256:"),
    ],
    ids=["cut", "longer", "changed"],
)
def test_download_is_refused_and_nothing_kept_when_it_is_not_what_was_announced(
    store: Store, arrived: bytes, words: str
) -> None:
    with pytest.raises(CorruptError, match=words) as raised:
        store.keep_download([arrived], digest=DIGEST, size=len(DATA), what="x 1.0")
    assert "mirror" in (raised.value.hint or "")
    assert store.download(DIGEST) is None
    assert temporary(store) == []


def test_download_stops_when_more_arrives_than_was_announced(store: Store) -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield bytes(1000)

    with pytest.raises(CorruptError, match="more than 2000"):
        store.keep_download(endless(), digest=DIGEST, size=len(DATA), what="x 1.0")
    assert given == 3


def test_nothing_is_left_when_whoever_gives_the_bytes_fails(store: Store) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA[:10]
        raise ConnectionResetError("not a matter of the disk")

    with pytest.raises(ConnectionResetError):
        store.keep_download(broken(), digest=DIGEST, size=None, what="x 1.0")
    assert store.download(DIGEST) is None
    assert temporary(store) == []


def test_sound_download_is_none_and_the_file_gone_when_it_is_damaged(store: Store) -> None:
    path = keep(store)
    path.write_bytes(b"T" + DATA[1:])
    assert [p.what for p in check(store)] == [f"its hash is {digests.hexadecimal(digests.of(b'T' + DATA[1:]))}"]
    assert store.download(DIGEST) == path
    assert store.sound_download(DIGEST) is None
    assert store.download(DIGEST) is None


def test_wheel_made_here_is_kept_beside_those_fetched(store: Store, tmp_path: Path) -> None:
    wheel = tmp_path / "x.whl"
    wheel.write_bytes(DATA)
    assert store.add_wheel(wheel) == store.add_wheel(wheel) == DIGEST
    assert store.download(DIGEST) is not None


def test_kept_document_is_found_and_replaced(store: Store) -> None:
    assert store.kept("steps", "k") is None
    store.keep("steps", "k", b"[1]")
    store.keep("steps", "k", b"[1,2]")
    assert store.kept("steps", "k") == b"[1,2]"
    assert store.kept_as("steps", "k", list[int]) == [1, 2]


@pytest.mark.parametrize("data", [b"", b"[1,", b'["a"]', b"\xff"])
def test_kept_document_counts_as_not_kept_when_it_is_another_kind(store: Store, data: bytes) -> None:
    store.keep("steps", "k", data)
    assert store.kept("steps", "k") == data
    assert store.kept_as("steps", "k", list[int]) is None


@pytest.mark.parametrize("room", ["steps", "members"])
def test_kept_result_counts_as_not_kept_when_a_bit_of_it_flipped_or_it_was_cut(store: Store, room: Room) -> None:
    store.keep(room, "k", b"[1,2]")
    path = store.root / room / "k"
    sound = path.read_bytes()
    for at in range(len(sound)):
        path.write_bytes(sound[:at])
        assert store.kept(room, "k") is None
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        assert store.kept(room, "k") is None
    path.write_bytes(sound)
    assert store.kept(room, "k") == b"[1,2]"


def test_record_of_an_unchanged_build_is_kept_as_it_is_because_it_is_read_without_the_store(store: Store) -> None:
    store.keep("steps", "replay-k", b"{}")
    assert (store.root / "steps" / "replay-k").read_bytes() == b"{}" == store.kept("steps", "replay-k")


def test_blob_has_its_digest_for_a_name(store: Store) -> None:
    with store.new_blob() as blob:
        blob.write(DATA[:7])
        blob.write(DATA[7:])
    assert blob.hashing.digest() == DIGEST == store.add_blob(DATA)
    path = store.blob(DIGEST)
    assert path == store.root / "blobs" / "sha256" / DIGEST[7:]
    assert path.read_bytes() == DATA
    assert store.blob(DIGEST, len(DATA)) == path
    assert store.blob(digests.of(b"")) is None


def test_blob_is_found_damaged_and_made_again_when_it_was_cut(store: Store) -> None:
    store.add_blob(DATA)
    path = store.blob(DIGEST)
    assert path is not None
    os.truncate(path, 10)
    assert store.blob(DIGEST) == path
    assert store.blob(DIGEST, len(DATA)) is None
    assert store.sound_blob(DIGEST) is None
    assert store.blob(DIGEST) is None
    path.write_bytes(b"spoilt")
    store.add_blob(DATA)
    assert path.read_bytes() == DATA


def test_no_blob_appears_when_its_maker_fails(store: Store) -> None:
    def fail() -> None:
        with store.new_blob() as blob:
            blob.write(DATA)
            raise ValueError("own")

    with pytest.raises(ValueError, match="own"):
        fail()
    assert list((store.root / "blobs" / "sha256").iterdir()) == []
    assert temporary(store) == []


def test_tree_appears_whole(store: Store) -> None:
    with store.new_tree("k") as new:
        (new / "bin").mkdir()
        assert store.tree("k") is None
    tree = store.tree("k")
    assert tree is not None
    assert [p.name for p in tree.iterdir()] == ["bin"]
    assert check(store) == ()


def test_tree_is_gone_when_it_is_forgotten(store: Store) -> None:
    with store.new_tree("k") as new:
        (new / "bin").mkdir()
    store.forget_tree("k")
    store.forget_tree("k")
    assert store.tree("k") is None
    with store.new_tree("k") as new:
        (new / "lib").mkdir()
    assert store.tree("k") is not None


def test_no_tree_appears_when_its_maker_fails(store: Store) -> None:
    def fail() -> None:
        with store.new_tree("k") as new:
            (new / "bin").mkdir()
            raise ValueError("own")

    with pytest.raises(ValueError, match="own"):
        fail()
    assert store.tree("k") is None
    assert [p.name for p in (store.root / "tmp").rglob("*")][1:] == ["owner"]


def test_tree_is_taken_as_it_is_when_another_process_was_quicker(store: Store) -> None:
    with store.new_tree("k") as new:
        (new / "a").touch()
        with store.new_tree("k") as quicker:
            (quicker / "a").touch()
    tree = store.tree("k")
    assert tree is not None
    assert [p.name for p in tree.iterdir()] == ["a"]


def test_required_file_is_an_error_when_it_went_away(store: Store) -> None:
    assert require(Path("x"), "the wheel") == Path("x")
    with pytest.raises(MissingError, match="the wheel is no longer in the cache"):
        require(None, "the wheel")


# -- many at once -----------------------------------------------------------------------------------------------------


def test_lock_is_held_against_threads(store: Store) -> None:
    order: list[str] = []
    began = threading.Event()

    def second() -> None:
        began.set()
        with store.lock("k"):
            order.append("second")

    with store.lock("k"):
        thread = threading.Thread(target=second)
        thread.start()
        began.wait()
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def process(script: str, root: Path) -> subprocess.Popen[str]:
    """Another process that uses the store ``store`` under ``root``."""
    head = "import sys, time\nfrom pathlib import Path\nfrom grocker.store import Store\n"
    head += "store = Store.open(Path(sys.argv[1]))\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + script, str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_lock_ends_with_the_process_when_it_is_killed(store: Store) -> None:
    holder = process("with store.lock('k'):\n  print('held', flush=True)\n  time.sleep(60)", store.root.parent)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with store.lock("k"):
        pass


def test_temporary_files_of_a_killed_process_are_swept_and_those_of_a_living_one_kept(tmp_path: Path) -> None:
    unfinished = (
        "with store.new_blob() as blob:\n  blob.write(bytes(200000))\n  print('x', flush=True)\n  time.sleep(60)"
    )
    killed, alive = process(unfinished, tmp_path), process(unfinished, tmp_path)
    for one in (killed, alive):
        assert one.stdout is not None
        assert one.stdout.readline() == "x\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    watching = Store(tmp_path / "v1")
    assert [p.name.partition(".")[0] for p in abandoned(watching)] == [str(killed.pid)]
    assert check(watching) == ()
    with Store.open(tmp_path):
        assert abandoned(watching) == ()
        left = [p.name.partition(".")[0] for p in (tmp_path / "v1" / "tmp").iterdir()]
        assert sorted(left) == sorted([str(alive.pid), str(os.getpid())])
    alive.kill()
    alive.communicate()


def test_temporary_directory_stays_while_a_program_that_a_killed_process_ran_writes_there(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    killed = process(
        "from grocker import command\n"
        "with store.scratch() as scratch:\n"
        "  command.run(['/bin/sh', '-c', f'read line <{sys.argv[1]}/gate'], action='x', environment={},\n"
        "    directory=scratch, meanwhile=lambda: print('x', flush=True))\n",
        tmp_path,
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == "x\n"
    killed.kill()
    killed.wait()
    watching = Store(tmp_path / "v1")
    with open(gate, "w"):  # the program has come this far, and ends when this is closed
        assert abandoned(watching) == ()
    killed.communicate()
    deadline = time.monotonic() + PATIENCE
    while not abandoned(watching) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [p.name.partition(".")[0] for p in abandoned(watching)] == [str(killed.pid)]


def test_store_is_the_same_when_many_write_the_same_at_once(tmp_path: Path) -> None:
    script = (
        "from grocker import digest\n"
        "for n in range(20):\n"
        "  data = bytes([n]) * 5000\n"
        "  store.keep_download([data], digest=digest.of(data), size=5000, what='x')\n"
        "  store.add_blob(data)\n"
        "  store.keep('steps', str(n), b'[%d]' % n)\n"
    )
    running = [process(script, tmp_path) for _ in range(3)]
    for one in running:
        assert one.communicate()[1] == ""
    with Store.open(tmp_path) as store:
        assert check(store) == ()
        assert len(list((store.root / "downloads").iterdir())) == 20
        assert abandoned(store) == ()


def test_close_leaves_no_temporary_directory(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add_blob(DATA)
    assert list((tmp_path / "v1" / "tmp").iterdir()) == []


# -- where it cannot be -----------------------------------------------------------------------------------------------


def test_store_is_refused_when_its_place_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(CannotWriteError, match=r"opening the cache .*/cache") as raised:
        Store.open(tmp_path / "cache")
    assert "GROCKER_CACHE" in (raised.value.hint or "")


def test_store_is_refused_when_nobody_knows_the_home_directory() -> None:
    with pytest.raises(CannotWriteError, match="no home directory"):
        Store.open(Path("~/.cache/grocker"))
    assert not Path("~").exists()


def test_store_is_not_opened_by_a_decoder_that_nobody_asked_for() -> None:
    """The import of the store is on the way of builds that do little."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, grocker.store; print(*sorted(sys.modules))"], capture_output=True, text=True
    ).stdout.split()
    assert not {"msgspec", "httptools", "deflate", "ctypes", "subprocess"} & set(loaded)


def test_check_names_what_no_build_writes(store: Store) -> None:
    (store.root / "strange").touch()
    (store.root / "blobs" / "sha512").mkdir()
    (store.root / "steps" / "k").write_bytes(b"{")
    store.keep("steps", "l", b"{")
    store.keep("steps", "source-l", b"a line")
    (store.root / "refs" / "k").write_text("name:1 sha256:1\n")
    (store.root / "refs" / "l").write_text(f"name:1 {DIGEST}\n")
    (store.root / "trees" / "k").mkdir()
    (store.root / "downloads" / "k").mkdir()
    store.keep("members", "k", msgspec.json.encode({"key": "other", "parts": [[1, 1, 1]]}))
    assert [(p.path.name, p.what) for p in check(store)] == [
        ("strange", "is not part of the store"),
        ("sha512", "is not part of the store"),
        ("k", "cannot be read: Is a directory"),
        ("k", "describes other"),
        ("k.gz", "is missing, although its description exists"),
        ("k", "is damaged"),
        ("l", "is not JSON: Input data was truncated"),
        ("k", "has no digest"),
        ("l", f"refers to {DIGEST}, which is missing"),
        ("k", "is not a tree"),
    ]
