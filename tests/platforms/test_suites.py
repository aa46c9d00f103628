"""The table of suites: each row is whole, and consistent with the other tables."""

from __future__ import annotations

import re

import pytest

from grocker.platforms.architectures import ARCHITECTURES
from grocker.platforms.suites import DEFAULT, SUITES, suite_of


def test_default_suite_is_trixie() -> None:
    assert DEFAULT == "trixie"


@pytest.mark.parametrize("name", SUITES)
def test_suite_has_a_signer_for_each_of_its_pockets(name: str) -> None:
    signers = SUITES[name].signers
    assert list(signers)[:2] == [name, f"{name}-updates"]
    assert set(list(signers)[2:]) <= {f"{name}-security"}
    assert all(re.fullmatch("[0-9A-F]{40}", one.fingerprint) for several in signers.values() for one in several)


@pytest.mark.parametrize("name", SUITES)
def test_suite_has_known_architectures(name: str) -> None:
    assert set(SUITES[name].architectures) <= set(ARCHITECTURES)


@pytest.mark.parametrize("name", SUITES)
def test_suite_has_a_base_without_duplicates(name: str) -> None:
    base = SUITES[name].base
    assert list(base) == sorted(set(base))


@pytest.mark.parametrize(
    ("suite", "package", "expected"),
    [
        ("trixie", "python3.13-minimal", True),
        ("trixie", "libpython3.13-stdlib", True),
        ("trixie", "libssl3t64", True),
        ("bookworm", "libssl3", True),
        ("bookworm", "python3.11", True),
        ("bookworm", "libc6", True),
        ("trixie", "python3", False),
        ("trixie", "bash", False),
    ],
)
def test_suite_knows_which_packages_its_interpreter_needs(suite: str, package: str, expected: bool) -> None:
    assert SUITES[suite].is_interpreter(package) is expected


@pytest.mark.parametrize("archive", ["bookworm", "bookworm-updates", "bookworm-security"])
def test_suite_of_an_archive_is_found_by_its_name(archive: str) -> None:
    assert suite_of(archive).name == "bookworm"


def test_images_have_what_debian_packs_apart_of_python_and_of_time_zones() -> None:
    assert "tzdata-legacy" in SUITES["trixie"].base
    assert "tzdata-legacy" not in SUITES["bookworm"].base
    assert "python3-distutils" in SUITES["bookworm"].interpreter


def test_rust_of_bookworm_is_the_one_that_is_kept_new() -> None:
    named = {name: [row.name_build_package(one) for one in ("cargo", "rustc", "gcc")] for name, row in SUITES.items()}
    assert named.pop("bookworm") == ["cargo-web", "rustc-web", "gcc"]
    assert set(map(tuple, named.values())) == {("cargo", "rustc", "gcc")}
