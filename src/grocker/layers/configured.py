"""The layer with the effects of maintainer scripts, produced statically."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from grocker import debian
from grocker.layers.debian import DebianPackages, is_module
from grocker.lock.answers import DebianAnswer
from grocker.python import Compiler, add_bytecode
from grocker.store import Store
from grocker.tar import member as members
from grocker.tar.entry import Directory, Entry
from grocker.tar.keys import cache_key
from grocker.tar.member import Member


def configure(store: Store, packages: DebianPackages, layer_key: str, *, user: str, uid: int, epoch: int) -> Member:
    """Configure the packages statically, and make the contract's directories; kept by the key of the layer.

    The member's note lists the uncovered maintainer scripts, see ``uncovered``.
    """
    key = cache_key("configuration", layer_key)
    member = members.find_member(store, key)
    if member is None:
        configured = debian.configure(packages.facts(), user=user, uid=uid)
        places = mount_points(user, uid)
        promised = {e.path for e in places}
        entries = [e for e in configured.entries if e.path not in promised]
        note = msgspec.json.encode([[s.package, s.name, s.reason] for s in configured.uncovered])
        subject = "static configuration"
        member = members.make_member(store, key, [*entries, *places], subject=subject, epoch=epoch, note=note)
    return member


def uncovered(configuration: Member) -> tuple[tuple[str, str, str], ...]:
    """Return the maintainer scripts whose effects may be missing from the image: package, script, reason."""
    return msgspec.json.decode(configuration.note, type=tuple[tuple[str, str, str], ...])


def find_pending(store: Store, answer: DebianAnswer, mode: str) -> tuple[str, ...] | None:
    """Return the names of the packages whose maintainer scripts run; None if no build has found out yet.

    ``mode``: the setting ``debian.configure``.
    """
    return () if mode == "static" else store.kept_as("steps", _pending_key(answer, mode), tuple[str, ...])


def keep_pending(
    store: Store, answer: DebianAnswer, mode: str, facts: Iterable[debian.Facts], has_sandbox: Callable[[], bool]
) -> tuple[str, ...]:
    """Find out whose maintainer scripts run, and keep that; ``has_sandbox``: see ``debian.find_pending``."""
    found = debian.find_pending(facts, everything=mode == "always", has_sandbox=has_sandbox)
    store.keep("steps", _pending_key(answer, mode), msgspec.json.encode(found))
    return found


def _pending_key(answer: DebianAnswer, mode: str) -> str:
    return cache_key("pending scripts", mode, answer.digests)


def compile_modules(
    store: Store, packages: DebianPackages, compiler: Compiler, interpreter: str, *, epoch: int
) -> list[Member]:
    """Compile the modules that Debian's maintainer scripts would compile: one member per package with Python modules.

    ``interpreter``: the key of the one that ``compiler`` runs.
    """
    result = []
    for package in packages.with_modules():
        key = cache_key("bytecode", package.sha256, interpreter, epoch)
        member = members.find_member(store, key)
        if member is None:
            compiled = add_bytecode(compiler, packages.read_modules(package), checked=False)
            bytecode = [e for e in compiled if not is_module(e.path)]
            subject = f"bytecode of {package.name} {package.version}"
            member = members.make_member(store, key, bytecode, subject=subject, epoch=epoch)
        result.append(member)
    return result


def mount_points(user: str, uid: int) -> tuple[Entry, ...]:
    """Return the directories that the contract promises."""
    return (
        Directory("config"),
        Directory("media", 0o2775, uid, 0),
        Directory("scripts", 0o2775, uid, 0),
        Directory("home"),
        Directory(f"home/{user}", 0o775, uid, 0),
    )
