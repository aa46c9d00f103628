"""The files of the layer of static files."""

from __future__ import annotations

from pathlib import Path

from grocker.layers import static
from grocker.resolve.collected_files import StaticFiles
from grocker.tar.entry import File


def test_layer_has_the_collected_files_at_their_place(tmp_path: Path) -> None:
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "base.css").write_bytes(b"a")
    (tmp_path / "big.js").write_bytes(b"b" * (1 << 21))
    paths = frozenset({"srv/static/admin/base.css", "srv/static/big.js"})
    small, big = static.entries(StaticFiles(tmp_path, "0", "/srv/static", paths, True, True))
    assert small == File("srv/static/admin/base.css", b"a")
    assert isinstance(big, File)
    assert not isinstance(big.data, bytes)
    assert b"".join(big.data.chunks()) == b"b" * (1 << 21)
