"""The image under test: ``GROCKER_TEST_IMAGE``, else examples/polls, built once a run and loaded into each engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.e2e.contract.engine import Engine
from tests.support.side_by_side import once

ROOT = Path(__file__).resolve().parents[3]
TAG = "grocker-test/polls-site:contract"


@cache
def load(name: str) -> Engine:
    """Return the engine ``name``, docker or podman, once the image is in it."""
    prefix = ("--runtime", "runc") if name == "podman" and os.geteuid() == 0 and shutil.which("runc") else ()
    given = os.environ.get("GROCKER_TEST_IMAGE")
    engine = Engine(name, given or once(f"contract-image-{name}", lambda: _deliver(name)), prefix)
    if given is not None and engine.command("image", "inspect", given).status:
        assert name == "podman", f"{given} is not in docker"
        with subprocess.Popen(["docker", "save", given], stdout=subprocess.PIPE) as saved:
            subprocess.run([name, *prefix, "load", "--quiet"], stdin=saved.stdout, check=True, capture_output=True)
    return engine


def _deliver(name: str) -> str:
    """Return the image's id: another run on this host may give its name to another image."""
    once("contract-build", lambda: _build("store"))
    _build(name)
    return Engine(name, TAG).check("image", "inspect", "--format", "{{.Id}}", TAG)


def _build(output: str) -> str:
    settings = Path(__file__).with_name("image.toml")
    grocker = [sys.executable, "-m", "grocker", "build", str(ROOT / "examples" / "polls")]
    grocker += ["-t", TAG, "--config", str(settings), "--output", output]
    done = subprocess.run(grocker, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr
