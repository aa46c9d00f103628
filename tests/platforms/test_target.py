"""The suite and architecture that an image is built for."""

from __future__ import annotations

import pytest

from grocker.errors import SettingsError, UsageError
from grocker.platforms.suites import SUITES
from grocker.platforms.target import select_target


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_target_names_its_platform_when_suite_and_platform_are_known(suite: str) -> None:
    found = select_target(suite, "linux/arm64")
    assert (found.suite.name, found.platform) == (suite, "linux/arm64")


def test_target_names_the_known_suites_when_the_suite_is_unknown() -> None:
    with pytest.raises(SettingsError) as caught:
        select_target("potato", "linux/amd64")
    assert "bookworm" in (caught.value.hint or "")


@pytest.mark.parametrize("platform", ["windows/amd64", "linux/riscv64", "amd64", ""])
def test_target_names_the_known_platforms_when_the_platform_is_unknown(platform: str) -> None:
    with pytest.raises(UsageError) as caught:
        select_target("trixie", platform)
    assert "linux/amd64" in (caught.value.hint or "")


def test_target_is_hashable_when_it_is_a_key() -> None:
    assert len({select_target("trixie", "linux/arm64"), select_target("trixie", "linux/arm64")}) == 1
