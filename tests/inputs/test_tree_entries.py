"""The files of a source tree as entries."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from grocker.digest import of
from grocker.errors import CorruptError
from grocker.inputs.tree_entries import tree_entries
from grocker.inputs.tree_files import TreeFiles
from grocker.python.source_tree import SourceFile
from grocker.tar.entry import File, Symlink

LARGE = bytes(range(256)) * (1 << 13)


def _files(root: Path) -> TreeFiles:
    listed = (
        SourceFile("link", "", target="small.py"),
        SourceFile("model.bin", hashlib.sha256(LARGE).hexdigest()),
        SourceFile("small.py", hashlib.sha256(b"x").hexdigest(), executable=True),
    )
    return TreeFiles(root, listed, of(b""), (), (), (), ())


def test_large_file_is_read_when_it_is_written_and_its_digest_is_known(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(LARGE)
    (tmp_path / "small.py").write_bytes(b"x")
    link, large, small = tree_entries(_files(tmp_path))
    assert link == Symlink("opt/app/link", "small.py")
    assert small == File("opt/app/small.py", b"x", 0o755)
    assert isinstance(large, File)
    assert not isinstance(large.data, bytes)
    assert (large.data.size, large.data.sha256) == (len(LARGE), hashlib.sha256(LARGE).hexdigest())
    assert b"".join(large.data.chunks()) == LARGE


def test_large_file_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    """It would be kept under the digest of other bytes."""
    (tmp_path / "model.bin").write_bytes(LARGE)
    (tmp_path / "small.py").write_bytes(b"x")
    _, large, _ = tree_entries(_files(tmp_path))
    (tmp_path / "model.bin").write_bytes(LARGE[::-1])
    assert isinstance(large, File)
    assert not isinstance(large.data, bytes)
    with pytest.raises(CorruptError, match=r"model\.bin: it changed while it was being read"):
        list(large.data.chunks())
