"""The layers of wheels: each fetched, installed as entries, compiled and compressed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from grocker.context import Context
from grocker.digest import Digest
from grocker.inputs.index import download_wheel
from grocker.layers.workers import Workers
from grocker.lock.answers import PythonAnswer
from grocker.lock.values import PythonFile
from grocker.python import Collision, Compiler, Uv, WheelTarget, add_bytecode
from grocker.tar import member as members
from grocker.tar.entry import Directory, Entry
from grocker.tar.keys import cache_key
from grocker.tar.member import Member


class IndexWheels:
    """The wheels of one image that come from an index."""

    def __init__(
        self,
        context: Context,
        workers: Workers,
        answer: PythonAnswer,
        *,
        uv: Uv,
        target: WheelTarget,
        interpreter: str,
        epoch: int,
        strict: bool = False,
        prefer: Sequence[str] = (),
        alone: frozenset[Digest] = frozenset(),
    ) -> None:
        """``uv`` completes the answer's addresses; ``interpreter``: the key of the one that compiles.

        ``epoch``: seconds since 1970, the time of every file. ``strict``: whether a wheel that violates the
        specification is an error. ``prefer``: distributions whose files count where wheels differ. ``alone``: the
        wheels with a layer of their own, below the others'.
        """
        self._prefer = tuple(prefer)
        self._alone = alone
        self._strict = strict
        self._uv = uv
        self._context = context
        self._workers = workers
        self._epoch = epoch
        self._files = answer.files
        self._urls = answer.urls
        self._target = target
        self._interpreter = interpreter

    def begin(self) -> None:
        """Start fetching what is not in the store."""
        for file in sorted(self._files, key=lambda f: -f.size):
            if members.find_member(self._context.store, self._key(file)) is None:
                self._workers.transfers.submit(self._file, file)

    def members(self, compiler: Callable[[], Compiler]) -> dict[Digest, Member]:
        """Return every wheel's member, by its sha256; a file that several wheels share stays with the first by name.

        ``compiler`` returns the running interpreter; called when there is something to compile.
        """
        result = {f.sha256: self._member(f, compiler) for f in self._files}
        shared = _sharing(result.values())
        collisions: list[Collision] = []
        if shared:
            files = [f for f in self._files if result[f.sha256].key in shared]
            self._share_out(files, result, compiler, collisions.append)
        self._context.store.keep("steps", self._collisions_key(), msgspec.json.encode(collisions))
        self._keep_faults()
        return result

    def collisions(self, compiler: Callable[[], Compiler]) -> tuple[Collision, ...]:
        """Return files that several wheels install differently, and from which one they are. Raises SettingsError."""
        kept = self._context.store.kept_as("steps", self._collisions_key(), tuple[Collision, ...])
        if kept is None:
            self.members(compiler)
            kept = self._context.store.kept_as("steps", self._collisions_key(), tuple[Collision, ...])
        return kept or ()

    def _collisions_key(self) -> str:
        return cache_key("wheel collisions", sorted(f.sha256 for f in self._files), self._interpreter, self._prefer)

    def faults(self) -> dict[str, tuple[str, ...]]:
        """Return by file name how wheels deviate from the specification. Raises CorruptError when that is refused."""
        found = self._context.store.kept_as("steps", self._all_faults_key(), dict[str, tuple[str, ...]])
        if found is None:
            found = self._keep_faults()
        for file in self._files if found and self._strict else ():
            if file.file in found:
                from grocker.python import read_wheel

                scheme = self._target.scheme()
                read_wheel(self._file(file), scheme, self._target, file=file.file, strict=True)
        return found

    def _keep_faults(self) -> dict[str, tuple[str, ...]]:
        """Keep the faults that were noted when the members were made, and return them."""
        store = self._context.store
        kept = ((f.file, store.kept_as("steps", _faults_key(f), tuple[str, ...])) for f in self._files)
        found = {file: faults for file, faults in kept if faults}
        store.keep("steps", self._all_faults_key(), msgspec.json.encode(found))
        return found

    def _all_faults_key(self) -> str:
        """Return the key of the faults of all wheels together, which are one file to read."""
        return cache_key("faults of wheels", sorted(f.sha256 for f in self._files), self._interpreter)

    def _member(self, file: PythonFile, compiler: Callable[[], Compiler]) -> Member:
        from grocker.layers import libraries

        store, epoch = self._context.store, self._epoch
        name = self._key(file)

        def making() -> Member:
            entries = self._entries(file, compiler)
            note = msgspec.json.encode(libraries.read_libraries(entries, store.scratch))
            subject = f"{file.name} {file.version}"
            return members.make_member(store, name, entries, subject=subject, epoch=epoch, note=note)

        return members.find_or_make(store, name, making)

    def _entries(self, file: PythonFile, compiler: Callable[[], Compiler]) -> tuple[Entry, ...]:
        from grocker.python import read_wheel

        scheme = self._target.scheme()
        wheel = read_wheel(self._file(file), scheme, self._target, file=file.file, strict=self._strict)
        if wheel.faults:
            self._context.store.keep("steps", _faults_key(file), msgspec.json.encode(wheel.faults))
        return add_bytecode(compiler(), wheel.entries, checked=True)

    def _file(self, file: PythonFile) -> Path:
        return download_wheel(self._context, self._uv, file, self._urls.get(file.sha256, ""))

    def _key(self, file: PythonFile, *without: str) -> str:
        return cache_key("wheel", file.sha256, self._interpreter, self._epoch, *without)

    def _share_out(
        self,
        files: Sequence[PythonFile],
        result: dict[Digest, Member],
        compiler: Callable[[], Compiler],
        collided: Callable[[Collision], object],
    ) -> None:
        from grocker.python import overlay

        # In the order of their layers, of which the upper one's files count.
        ordered = sorted(files, key=lambda file: (file.sha256 not in self._alone, file))
        by_name = {f"{f.name} {f.version}": f for f in ordered}
        whole = [(subject, self._entries(file, compiler)) for subject, file in by_name.items()]
        parts = list(overlay(whole, self._prefer, collided))
        if not self._prefer:
            # A wheel with a layer of its own is whole in each image, whatever the others are.
            parts = list(overlay(one for one in whole if by_name[one[0]].sha256 not in self._alone))
        for subject, entries in parts:
            file = by_name[subject]
            paths = {e.path for e in entries if not isinstance(e, Directory)}
            left = sorted(set(result[file.sha256].paths) - paths)
            if left:
                name = self._key(file, *left)
                store, epoch = self._context.store, self._epoch
                result[file.sha256] = members.find_member(store, name) or members.make_member(
                    store, name, entries, subject=subject, epoch=epoch, note=bytes(result[file.sha256].note)
                )


def _faults_key(file: PythonFile) -> str:
    return cache_key("wheel faults", file.sha256)


def _sharing(made: Iterable[Member]) -> frozenset[str]:
    """The keys of members that have a path in common with another one."""
    owners: dict[str, str] = {}
    shared: set[str] = set()
    for member in made:
        for path in member.paths:
            other = owners.setdefault(path, member.key)
            if other != member.key:
                shared |= {other, member.key}
    return frozenset(shared)
