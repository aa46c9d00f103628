"""What a rebuild sends to a registry, seen in the registry's own files."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.build.conftest import Anywhere, shared_cache
from tests.e2e.output.programs import BCRYPT, registry

pytestmark = [pytest.mark.e2e, pytest.mark.network]


def test_changed_line_sends_the_applications_layer_configuration_and_manifest_alone(
    anywhere: Anywhere, home_of: Callable[[int | None], Path], tmp_path: Path
) -> None:
    home = home_of(None)
    project = home / "polls"
    shutil.copytree(anywhere.polls, project)
    with registry(tmp_path, users=BCRYPT) as server:
        entry = {"auth": base64.b64encode(b"bob:right").decode()}
        (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: entry}}))
        environment = anywhere.environment(home, DOCKER_CONFIG=str(tmp_path), **shared_cache())
        options = ("--tag", f"{server.host}/team/polls:1", "--tag", f"{server.host}/team/polls:latest", "--push")
        first = anywhere.build(project, *options, environment=environment, directory=home)
        layers = first["images"][0]["layers"]
        assert first["outputs"][0]["blobs"] == {"sent": len(layers) + 1, "mounted": 0, "present": 0}
        before = server.blobs()
        views = next(project.rglob("views.py"))
        views.write_text(views.read_text() + "\n# changed\n")
        second = anywhere.build(project, *options, environment=environment, directory=home)
        known = {layer["digest"] for layer in layers}
        [changed] = [layer for layer in second["images"][0]["layers"] if layer["digest"] not in known]
        assert changed["name"] == "application"
        assert server.blobs() - before == {changed["digest"], second["images"][0]["config"], second["digest"]}
        [output] = second["outputs"]
        assert output["blobs"] == {"sent": 2, "mounted": 0, "present": len(layers) - 1}
        assert output["new_bytes"] < changed["size"] + 10_000
        other = anywhere.build(
            project, "--tag", f"{server.host}/other/polls:1", "--push", environment=environment, directory=home
        )
        assert other["digest"] == second["digest"]
        assert other["outputs"][0]["blobs"] == {"sent": 0, "mounted": len(layers) + 1, "present": 0}
        assert server.blobs() - before == {changed["digest"], second["images"][0]["config"], second["digest"]}
