"""A source tree under podman, in short: what it starts with and where."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Engine

pytestmark = [pytest.mark.e2e, pytest.mark.podman, pytest.mark.network, pytest.mark.timeout(300)]


def test_E14_tree_is_first_on_the_path_and_services_start_there_under_podman(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("where = 'tree'\n")
    (tmp_path / "manage.py").write_text("import shop, sys\nprint('manage', shop.where, *sys.argv[1:])\n")
    (tmp_path / "Procfile").write_text("worker: python -c \"import os; print('in', os.getcwd())\"\n")
    image = "localhost/grocker-test-tree-podman:1"
    grocker = [sys.executable, "-m", "grocker", "build", str(tmp_path), "-t", image, "-o", "podman"]
    built = subprocess.run(grocker, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    prefix = ("--runtime", "runc") if os.geteuid() == 0 and shutil.which("runc") else ()
    podman = Engine("podman", image, prefix)
    assert podman.run("manage.py", "check").out == "manage tree check\n"
    done = podman.run("python", "-c", "import os, shop, sys; print(sys.path[1], os.getcwd())")
    assert done.out == "/opt/app /scripts\n"
    with podman.started("start", "worker") as container:
        container.wait_for("in /opt/app")
