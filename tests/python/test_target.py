"""The platform of wheels, and the paths of a virtual environment."""

from __future__ import annotations

import pytest

from grocker.errors import SettingsError
from grocker.python import InstallScheme, WheelTarget


def test_target_knows_its_machine_and_versions() -> None:
    target = WheelTarget("3.13", "arm64", (2, 41), "3.13.5")
    assert (target.machine, target.version_info, target.full) == ("aarch64", (3, 13), "3.13.5")
    assert str(target) == "Python 3.13.5 on arm64 (glibc 2.41)"


def test_target_has_a_full_version_when_the_patch_release_is_unknown() -> None:
    assert WheelTarget("3.11").full == "3.11.0"


def test_target_is_refused_when_its_architecture_is_unknown() -> None:
    with pytest.raises(SettingsError, match="'riscv64'") as caught:
        WheelTarget("3.13", "riscv64")
    assert caught.value.hint == "supported: amd64, arm64"


def test_scheme_has_the_paths_of_the_environment() -> None:
    scheme = InstallScheme("3.13")
    assert scheme.site == "opt/venv/lib/python3.13/site-packages"
    assert (scheme.scripts, scheme.interpreter) == ("opt/venv/bin", "/opt/venv/bin/python")
    assert scheme.headers("numpy") == "opt/venv/include/site/python3.13/numpy"
