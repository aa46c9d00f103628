"""The layer with the effects of maintainer scripts, produced statically."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from grocker import debian
from grocker.errors import CorruptError
from grocker.layers.debian import DebianPackages, is_module
from grocker.lock.answers import DebianAnswer
from grocker.lock.values import DebianPackage
from grocker.python import Compiler, add_bytecode
from grocker.store import Store
from grocker.tar import member as members
from grocker.tar.entry import Directory, Entry
from grocker.tar.keys import cache_key
from grocker.tar.member import Member


class FailedScriptsError(CorruptError):
    """Maintainer scripts failed in the sandbox."""

    def __init__(self, message: str, *, hint: str, packages: Sequence[str]) -> None:
        """``packages``: whose, as far as dpkg says."""
        super().__init__(message, hint=hint)
        self.packages = packages


class Scripts(msgspec.Struct, frozen=True):
    """The maintainer scripts that run for an image."""

    packages: tuple[str, ...] = ()
    """names of the packages that have them"""
    tools: DebianAnswer | None = None
    """what they run with besides the image's packages; None if none run"""
    omitted: tuple[tuple[str, str], ...] = ()
    """packages whose scripts did not run, or failed, and what the image lacks without them"""
    failed: tuple[str, ...] = ()
    """names of those of them that failed: they are run again when packages are resolved anew"""

    @property
    def digests(self) -> tuple[str, ...]:
        """Identify the tools."""
        return self.tools.digests if self.tools is not None else ()


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


def find_scripts(store: Store, answer: DebianAnswer, mode: str) -> Scripts | None:
    """Return the maintainer scripts that run for these packages; None if no build has found out yet.

    ``mode``: the setting ``debian.configure``.
    """
    return Scripts() if mode == "static" else store.kept_as("steps", _scripts_key(answer, mode), Scripts)


def keep_scripts(store: Store, answer: DebianAnswer, mode: str, scripts: Scripts) -> None:
    """Keep what ``find_scripts`` returns."""
    store.keep("steps", _scripts_key(answer, mode), msgspec.json.encode(scripts))


def _scripts_key(answer: DebianAnswer, mode: str) -> str:
    return cache_key("maintainer scripts", mode, answer.digests)


def compile_modules(
    store: Store, packages: DebianPackages, compiler: Compiler, interpreter: str, *, epoch: int
) -> list[Member]:
    """Compile the modules that Debian's maintainer scripts would compile: one member per package with Python modules.

    ``interpreter``: the key of the one that ``compiler`` runs.
    """

    def member(package: DebianPackage) -> Member:
        key = cache_key("bytecode", package.sha256, interpreter, epoch)

        def making() -> Member:
            compiled = add_bytecode(compiler, packages.read_modules(package), checked=False)
            bytecode = [e for e in compiled if not is_module(e.path)]
            subject = f"bytecode of {package.name} {package.version}"
            return members.make_member(store, key, bytecode, subject=subject, epoch=epoch)

        return members.find_or_make(store, key, making)

    return [member(package) for package in packages.with_modules()]


def mount_points(user: str, uid: int) -> tuple[Entry, ...]:
    """Return the directories that the contract promises."""
    return (
        Directory("config"),
        Directory("media", 0o2775, uid, 0),
        Directory("scripts", 0o2775, uid, 0),
        Directory("home"),
        Directory(f"home/{user}", 0o775, uid, 0),
    )
