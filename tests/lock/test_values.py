"""Locks of several platforms."""

from __future__ import annotations

from grocker.lock.values import Base, Interpreter, Lock, PlatformLock, merge_locks


def lock(*platforms: str) -> Lock:
    return Lock(
        inputs={"debian": "sha256:0"},
        base=Base("debian", "trixie"),
        interpreter=Interpreter("cpython", "3.13", "debian:trixie"),
        platforms=tuple(PlatformLock(name, (), ()) for name in platforms),
        build=(),
    )


def test_lock_has_a_slice_for_each_platform() -> None:
    both = lock("linux/amd64", "linux/arm64")
    assert both.of("linux/arm64") == PlatformLock("linux/arm64", (), ())
    assert both.of("linux/riscv64") is None
    assert both.only("linux/arm64") == lock("linux/arm64")


def test_locks_are_merged_by_platform_and_a_later_one_wins() -> None:
    merged = merge_locks((lock("linux/arm64"), lock("linux/amd64"), lock("linux/arm64")))
    assert merged == lock("linux/amd64", "linux/arm64")
