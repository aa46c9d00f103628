"""Runs collectstatic by this host's Python over the image's files, where no sandbox and no interpreter is at hand.

What it imports is told by the paths that it has in the image, as the sandbox would.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from grocker.python import collectstatic
from grocker.python.toolchain import BuildRoot
from grocker.sandbox.sandbox import Bind
from tests.support.binds import show_binds

_PROGRAM = Path(collectstatic.__file__).with_name("_collect_static.py")


def prepare() -> None:
    """Replace the run in the sandbox."""
    collectstatic._run = _run


def _run(
    root: BuildRoot,
    image: Sequence[Bind],
    variables: Mapping[str, str],
    directory: str,
    media: Sequence[str],
    scratch: Path,
    release: tuple[int, int],
) -> collectstatic.CollectAnswer:
    (scratch / "build/static").mkdir(parents=True)
    place = show_binds(image, scratch / "image")
    [site] = (place / "opt/venv/lib").glob("python3*/site-packages")
    answer = scratch / "build/answer.json"
    subprocess.run(
        [sys.executable, "-S", _PROGRAM, json.dumps([str(scratch / "build/static"), str(answer)])],
        env={**variables, "PYTHONPATH": f"{place}/opt/app:{site}"},
        cwd=place / directory.lstrip("/"),
        check=True,
    )
    said = json.loads(answer.read_text())
    said["read"] = [path.removeprefix(str(place)) for path in said["read"]]
    return msgspec.convert(said, collectstatic.CollectAnswer)
