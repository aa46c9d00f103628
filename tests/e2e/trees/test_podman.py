"""A source tree under podman, in short: what it starts with, where, and where it writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.e2e.contract.engine import Engine

pytestmark = [pytest.mark.e2e, pytest.mark.podman, pytest.mark.network]


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    tree = tmp_path_factory.mktemp("tree")
    (tree / "data").mkdir()
    (tree / "data" / "seed.txt").write_text("sown\n")
    (tree / "grocker.toml").write_text('writable = ["data"]\n')
    (tree / "shop.py").write_text("where = 'tree'\n")
    (tree / "manage.py").write_text("import shop, sys\nprint('manage', shop.where, *sys.argv[1:])\n")
    (tree / "Procfile").write_text("worker: python -c \"import os; print('in', os.getcwd())\"\n")
    image = "localhost/grocker-test-tree-podman:1"
    grocker = [sys.executable, "-m", "grocker", "build", str(tree), "-t", image, "-o", "podman"]
    built = subprocess.run(grocker, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    prefix = ("--runtime", "runc") if os.geteuid() == 0 and shutil.which("runc") else ()
    return Engine("podman", image, prefix)


def test_E14_tree_is_first_on_the_path_and_services_start_there_under_podman(podman: Engine) -> None:
    assert podman.run("manage.py", "check").out == "manage tree check\n"
    done = podman.run("python", "-c", "import os, shop, sys; print(sys.path[1], os.getcwd())")
    assert done.out == "/opt/app /scripts\n"
    with podman.started("start", "worker") as container:
        container.wait_for("in /opt/app")


def test_E15_writable_path_leads_into_media_under_podman(podman: Engine) -> None:
    done = podman.run("sh", "-c", "echo more >> /opt/app/data/seed.txt; cat /media/data/seed.txt")
    assert done.out == "sown\nmore\n"
