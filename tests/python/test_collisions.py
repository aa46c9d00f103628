"""Wheels that install different files at one path, in a whole image."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.support.wheels import make_wheel
from tests.support.world import World, world

pytestmark = pytest.mark.slow

SITE = "opt/venv/lib/python3.13/site-packages"


def installed(made: World, *paths: str) -> dict[str, str]:
    """What the image has at these paths of site-packages; layers lie one above the other."""
    found = {}
    with tarfile.open(made.place / "out.tar") as image:
        for member in image:
            stream = image.extractfile(member)
            if stream is None or not member.name.startswith("blobs/") or stream.read(2) != b"\x1f\x8b":
                continue
            stream.seek(0)
            with tarfile.open(fileobj=stream, mode="r:gz") as layer:
                for one in layer:
                    inner = layer.extractfile(one) if one.isfile() else None
                    if inner is not None and (name := one.name.removeprefix(f"{SITE}/")) in paths:
                        found[name] = inner.read().decode()
    return found


def test_later_wheels_tests_count_and_the_preferred_wheels_modules(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        for name in ("one", "two"):
            files = {"shared/core.py": f"BY = '{name}'\n", "tests/settings.py": f"BY = '{name}'\n"}
            make_wheel(made.index.directory, name, files=files)
        made.require("one", "two")
        build = ("build", "WHEEL", "--config", "CONFIG", "--output", "archive:OUT.tar")
        refused = made.run(build)
        assert (refused.status, 'prefer = ["one" or "two"]' in refused.hint) == (78, True), refused.stderr
        for name in ("one", "two", "one"):
            made.configure(f'prefer = ["{name}"]')
            done = made.run(build)
            assert done.status == 0, done.stderr
            found = installed(made, "shared/core.py", "tests/settings.py")
            assert found == {"shared/core.py": f"BY = '{name}'\n", "tests/settings.py": f"BY = '{name}'\n"}
        for name in ("one", "two"):
            make_wheel(made.index.directory, name, files={"tests/settings.py": f"BY = '{name}'\n"})
        made.configure("")
        for _ in range(2):  # the second has its layers in the store
            done = made.run((*build, "--refresh"))
            assert done.status == 0, done.stderr
            assert f"one 1.0 and two 1.0 both install /{SITE}/tests/settings.py" in done.stderr
        assert installed(made, "tests/settings.py") == {"tests/settings.py": "BY = 'two'\n"}
