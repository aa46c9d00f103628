"""Whether a lock fits, and what is said when it does not."""

from __future__ import annotations

from grocker.lock.values import Base, Interpreter, Lock, PlatformLock
from grocker.resolve.lock import misfit

AMD64, ARM64 = "linux/amd64", "linux/arm64"
INPUTS = {"debian": "1", "requirements": "2"}


def lock(*platforms: str) -> Lock:
    taken = tuple(PlatformLock(name, (), ()) for name in platforms)
    return Lock(INPUTS, Base("debian", "trixie"), Interpreter("cpython", "3.13", "debian:trixie"), taken, ())


def test_lock_fits_when_nothing_it_was_made_from_changed() -> None:
    assert misfit(lock(AMD64), INPUTS, AMD64) is None


def test_lock_is_stale_when_inputs_changed() -> None:
    assert misfit(lock(AMD64), {"debian": "3", "build": "4", "requirements": "2"}, ARM64) == (
        "grocker.lock is stale: build, debian changed since it was written",
        "recreate it: grocker lock",
    )


def test_lock_is_to_be_made_for_all_platforms_when_it_lacks_one() -> None:
    assert misfit(lock(ARM64), INPUTS, AMD64) == (
        "grocker.lock does not cover linux/amd64",
        "recreate it for all platforms: grocker lock --platform linux/amd64 --platform linux/arm64",
    )
