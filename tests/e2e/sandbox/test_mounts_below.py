"""An sdist of pure Python is built where a sandbox cannot show the programs of this host: with the image's Python."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.build.conftest import ROOT, Anywhere
from tests.support import rootless
from tests.support.compilers import compiler_cache, write_project

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.rootless, pytest.mark.network]
UID = 4324
_BEFORE_5_12 = (sys.executable, str(ROOT / "tests/support/refused_calls.py"), "mount_setattr")
_MOUNT = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /usr/share/doc && exec "$@"', "sh")
_SDIST = {
    "backend.py": """
        import os, zipfile
        def build_wheel(directory, settings=None, metadata=None):
            by = "the image" if os.path.exists("/etc/debian_version") else "the host"
            name = "made_up_shown-1.0-py3-none-any.whl"
            with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
                wheel.writestr("shown.py", f"BUILT_BY = {by!r}")
                about = "made_up_shown-1.0.dist-info"
                wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\\nName: made-up-shown\\nVersion: 1.0\\n")
                wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
                wheel.writestr(f"{about}/RECORD", "")
            return name
        """,
    "pyproject.toml": """
        [build-system]
        requires = []
        build-backend = "backend"
        backend-path = ["."]
        """,
    "PKG-INFO": "Metadata-Version: 2.1\nName: made-up-shown\nVersion: 1.0\n",
}


@pytest.mark.parametrize(
    ("kernel", "builder"), [((), "the host"), (_BEFORE_5_12, "the image")], ids=["this", "before 5.12"]
)
def test_sdist_is_built_when_something_is_mounted_below_the_programs_of_the_host(
    kernel: tuple[str, ...], builder: str, anywhere: Anywhere, home_of: Callable[[int | None], Path]
) -> None:
    home = home_of(UID)
    sdist = _SDIST | {"ASIDE": home.name}  # the cache has no wheel of it
    project = write_project(home / "project", "made-up-shown", sdist)
    subprocess.run(["chown", "-R", str(UID), project], check=True)
    anywhere.build(
        *(project, "--output", f"oci:{home}/image"),
        environment=anywhere.environment(home, GROCKER_CACHE=str(compiler_cache(UID))),
        directory=home,
        under=(*kernel, *_MOUNT, *rootless.launcher(UID, groups="--clear-groups")),
    )
    texts = list(_texts(home / "image", "shown.py"))
    assert texts == [f"BUILT_BY = {builder!r}"]


def _texts(image: Path, name: str) -> Iterator[str]:
    """The files of an image with that name."""
    for blob in (image / "blobs/sha256").iterdir():
        if blob.read_bytes()[:2] == b"\x1f\x8b":
            with tarfile.open(blob) as archive:
                for member in archive:
                    if member.name.endswith(f"/{name}") and (opened := archive.extractfile(member)) is not None:
                        yield opened.read().decode()
