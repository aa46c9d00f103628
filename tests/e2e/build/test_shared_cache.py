"""Two machines that have nothing in common but a real registry."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.e2e.output.programs import registry
from tests.support.wheels import make_wheel
from tests.support.world import Outcome, World, world

pytestmark = [pytest.mark.e2e]
PASSWORDS = ("first-s3cret", "second-s3cret")


def build(made: World, mirror: str, host: str, number: int) -> Outcome:
    """Build and push on a machine of its own, with a password of its own for an index."""
    made.environ = {
        # Both machines use the same archive and index, at the same addresses.
        "GROCKER_DEBIAN_MIRROR": mirror,
        "GROCKER_DEBIAN_SECURITY_MIRROR": mirror,
        "UV_DEFAULT_INDEX": made.index.url,
        "GROCKER_CACHE": str(made.place / f"machine{number}"),
        "UV_INDEX": made.index.url.replace("//", f"//bob:{PASSWORDS[number - 1]}@"),
    }
    done = made.run(["build", "WHEEL", "-c", "CONFIG", "--tag", f"{host}/app{number}:1", "--push"])
    assert done.status == 0, done.stderr
    return done


def plain(blob: bytes) -> bytes:
    return zlib.decompress(blob, wbits=31) if blob.startswith(b"\x1f\x8b") else blob


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_second_machine_gets_the_image_from_the_first_ones_cache(tmp_path: Path, compression: str) -> None:
    (tmp_path / "registry").mkdir()
    with (
        world(tmp_path / "world") as made,
        made.archive.serve() as mirror,
        registry(tmp_path / "registry") as server,
    ):
        make_wheel(made.index.directory, "alpha", files={"alpha/__init__.py": "x = 1\n"})
        made.require("alpha")
        made.configure(f'cache = "{server.host}/team/cache"\ncompression = "{compression}"')
        first = build(made, mirror, server.host, 1)
        sent = server.blobs()
        made.archive.requests.clear()
        made.index.requests.clear()
        second = build(made, mirror, server.host, 2)
        assert second.stdout.partition("@")[2] == first.stdout.partition("@")[2]
        assert "mounted" in second.stderr
        assert (made.archive.requests, made.index.requests) == ([], [])
        assert server.blobs() == sent, "the second machine sent nothing that the registry did not have"
        for blob in sent:
            path = server.data / f"docker/registry/v2/blobs/sha256/{blob[7:9]}/{blob[7:]}/data"
            assert b"s3cret" not in plain(path.read_bytes())
