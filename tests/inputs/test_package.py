"""A project that its back end builds."""

from __future__ import annotations

import pytest

from grocker.cli import replay
from grocker.config.settings import BuildSettings, Settings
from grocker.inputs.package import build_variables

SETTINGS = Settings(build=BuildSettings(env={"PBR_VERSION": "1.0", "FLAVOUR": "x"}))


@pytest.mark.parametrize(
    "name",
    [
        "SETUPTOOLS_SCM_PRETEND_VERSION",
        "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DEMO",
        "VCS_VERSIONING_PRETEND_VERSION_FOR_DEMO",
        "PDM_BUILD_SCM_VERSION",
        "PBR_VERSION",
    ],
)
def test_back_end_is_told_a_version_by_the_caller(name: str) -> None:
    environ = {name: "2.0", "SECRET": "x", "HOME": "/home/me"}
    assert build_variables(environ, SETTINGS) == {"PBR_VERSION": "1.0", "FLAVOUR": "x", name: "2.0"}
    assert replay.key(["build"], environ) != replay.key(["build"], {**environ, name: "2.1"})
