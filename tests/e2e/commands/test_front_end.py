"""A Django site whose front end is built by npm and Vite: looked at in a browser, and built again without npm."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest

from tests.e2e.contract.engine import Engine
from tests.e2e.trees.test_collectstatic import FILES as SITE
from tests.e2e.trees.test_collectstatic import grocker, new_layers
from tests.e2e.trees.test_projects import get
from tests.support.chromium import chromium

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.docker,
    pytest.mark.network,
    pytest.mark.root,
    pytest.mark.browser,
    pytest.mark.long(100),
]
FILES = {
    **SITE,
    "shop/settings.py": SITE["shop/settings.py"] + 'STATICFILES_DIRS = [BASE_DIR / "shop" / "dist"]\n',
    "pages/index.html": (
        "{% load static %}<!doctype html><title>shop</title><link rel='icon' href='data:,'>"
        """<link rel="stylesheet" href="{% static 'main.css' %}"><div id="app"></div>"""
        """<script type="module" src="{% static 'main.js' %}"></script>"""
    ),
}
FRONT_END = Path(__file__).parent / "frontend"
"""its lock has no addresses, so that npm takes every package from the host's registry"""
IMAGE = "grocker-test-front-end:1"
RUN = "/opt/app/shop/dist/run.txt"
"""what a plug-in of its configuration writes: another text each time that it runs"""


def read(docker: Engine, path: str) -> str:
    done = docker.run("cat", path)
    assert done.status == 0, done.err
    return done.out


def test_X1_page_has_the_front_end_that_npm_built_and_a_changed_module_runs_no_npm(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name, text in FILES.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    shutil.copytree(FRONT_END, site / "frontend")
    (site / "frontend" / "main.css").write_text(f"/* {uuid.uuid4()} */ #app {{ color: rgb(0, 0, 128) }}\n")

    layout = f"oci:{tmp_path / 'layout'}"
    built = grocker(site, "build", ".", "-t", IMAGE, "-o", "docker", "-o", layout)
    assert {"static", "application"} <= set(new_layers(built)), built.stderr
    assert built.stdout.startswith(f"{IMAGE.partition(':')[0]}@sha256:")
    assert len(built.stdout.splitlines()) == 1
    line = "building the front end of frontend/package.json (commands = [] in [tool.grocker.build] turns this off)"
    assert line in built.stderr
    assert "not reproducible: build.commands, with a network" in grocker(site, "inspect", layout).stdout
    docker = Engine("docker", IMAGE)
    run = read(docker, RUN)
    (tmp_path / "chromium").mkdir()
    with docker.started("start", "www", options=("-e", "SECRET_KEY=x")) as container:
        get(container, "/")
        with (
            chromium(tmp_path / "chromium", [container.address()]) as browser,
            browser.page(f"http://{container.address()}:8080/") as page,
        ):
            page.wait_for("document.getElementById('app').textContent === 'built by vite'")
            assert page.evaluate("getComputedStyle(document.getElementById('app')).color") == "rgb(0, 0, 128)"
            assert page.complaints() == []

    (site / "shop" / "urls.py").write_text(FILES["shop/urls.py"] + "# changed\n")
    planned = grocker(site, "plan", ".").stdout
    assert "build commands: cd frontend && npm ci; cd frontend && npm run build (of frontend/package.json; " in planned
    again = grocker(site, "build", ".", "-t", IMAGE, "-o", "docker")
    assert new_layers(again) == ["application"]
    assert read(docker, RUN) == run
