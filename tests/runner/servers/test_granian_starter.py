from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grocker.runner.servers import granian_starter

MODULES = {
    "__init__": "",
    "constants": "Interfaces = str",
    "log": "LOGGING_CONFIG = {'handlers': {'console': {}}}",
    "net": "SocketHolder = print",
    "server": "class MPServer:\n    pass\n",
}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, "MPServer has no _init_shared_socket"),
        ({"server": ""}, "cannot import name 'MPServer'"),
        ({"net": "raise ImportError('no such holder')"}, "no such holder"),
    ],
)
def test_granian_starter_says_so_when_granian_is_made_in_another_way(
    tmp_path: Path, changed: dict[str, str], why: str
) -> None:
    package = tmp_path / "granian"
    package.mkdir()
    for name, text in {**MODULES, **changed}.items():
        package.joinpath(f"{name}.py").write_text(text)
    arguments = ("wsgi", "shop:application", "0", "1", "7", "-1", "1")
    done = subprocess.run(
        [sys.executable, granian_starter.__file__, *arguments],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("grocker: this granian takes no socket: pin another version of it")
    assert why in done.stderr
