from __future__ import annotations

import pytest

from grocker.errors import SettingsError
from grocker.python import WheelTarget
from grocker.python.tags import choose_file, platform_tags, rank_file

AMD64 = WheelTarget("3.13", "amd64", (2, 41))
ARM64 = WheelTarget("3.13", "arm64", (2, 36))


def test_platforms_go_from_the_newest_glibc_to_the_oldest() -> None:
    assert list(platform_tags(ARM64))[:2] == ["manylinux_2_36_aarch64", "manylinux_2_35_aarch64"]
    assert list(platform_tags(ARM64))[-3:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"]
    assert "manylinux1_x86_64" in list(platform_tags(AMD64))


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("py2-none-any", False),
        ("py313-none-any", True),
        ("cp313-cp313-linux_x86_64", True),
        ("cp313-cp313-manylinux1_x86_64", True),
        ("cp313-cp313-manylinux_2_41_x86_64", True),
        ("cp313-cp313-manylinux_2_42_x86_64", False),
        ("cp313-cp313t-manylinux_2_28_x86_64", False),
        ("cp37-abi3-manylinux2014_x86_64", True),
        ("cp314-abi3-manylinux2014_x86_64", False),
        ("cp313-none-manylinux2014_x86_64", True),
        ("pp310-pypy310_pp73-manylinux2014_x86_64", False),
        ("cp313-cp313-musllinux_1_2_x86_64", False),
        ("cp313-cp313-manylinux2014_aarch64", False),
        ("cp313-cp313-macosx_11_0_universal2", False),
    ],
)
def test_wheel_fits_by_its_tags(tag: str, fits: bool) -> None:
    assert (rank_file(f"demo-1.0-{tag}.whl", AMD64) is not None) is fits


@pytest.mark.parametrize(
    ("files", "choice"),
    [
        (["demo-1.0-py3-none-any.whl", "demo-1.0-cp313-cp313-manylinux2014_x86_64.whl"], 1),
        (["demo-1.0-cp38-abi3-manylinux2014_x86_64.whl", "demo-1.0-cp313-cp313-manylinux2014_x86_64.whl"], 1),
        (["demo-1.0-2-py3-none-any.whl", "demo-1.0-10-py3-none-any.whl", "demo-1.0-py3-none-any.whl"], 1),
        (["demo-1.0-py2-none-any.whl", "demo-1.0.tar.gz"], None),
        ([], None),
    ],
)
def test_best_is_the_most_specific_then_the_highest_build(files: list[str], choice: int | None) -> None:
    assert choose_file(files, AMD64) == (None if choice is None else files[choice])
    assert choose_file(reversed(files), AMD64) == (None if choice is None else files[choice])


def test_target_is_refused_when_the_architecture_is_unknown() -> None:
    with pytest.raises(SettingsError, match="unsupported architecture 'pdp11'") as caught:
        WheelTarget("3.13", "pdp11")
    assert caught.value.hint == "supported: amd64, arm64"


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", True),
        ("cp313-cp313t-manylinux_2_28_x86_64", True),
        ("cp313-cp313-manylinux_2_28_x86_64", False),
        ("cp39-abi3-manylinux_2_28_x86_64", False),
    ],
)
def test_free_threaded_python_has_wheels_of_its_own(tag: str, fits: bool) -> None:
    target = WheelTarget("3.13t", "amd64", (2, 41), "3.13.18", prefix="opt/python")
    assert (rank_file(f"demo-1.0-{tag}.whl", target) is not None) is fits
    assert (target.release, target.abi, str(target)) == ("3.13", "cp313t", "Python 3.13.18t on amd64 (glibc 2.41)")
