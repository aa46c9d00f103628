"""Wheels on their way into layers: fetched, installed as entries, compiled, compressed, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from grocker.builder import libraries
from grocker.builder.sourcing import wheel_file
from grocker.builder.workshop import Workshop
from grocker.digest import Digest
from grocker.lock.values import PythonFile
from grocker.plan.layers import key
from grocker.python import Compiler, Layout, Target, Uv, overlay, read_wheel, with_bytecode
from grocker.tar import member as members
from grocker.tar.entry import Directory, Entry
from grocker.tar.member import Member


class Wheels:
    """The wheels of one build that come from an index."""

    def __init__(
        self,
        workshop: Workshop,
        files: Sequence[PythonFile],
        urls: Mapping[str, str],
        *,
        uv: Uv,
        target: Target,
        interpreter: str,
    ) -> None:
        """``urls``: where each file is served, by its sha256, for ``uv`` to complete.

        ``interpreter``: the key of the one that compiles.
        """
        self._uv = uv
        self._workshop = workshop
        self._files = tuple(files)
        self._urls = urls
        self._target = target
        self._interpreter = interpreter

    def begin(self) -> None:
        """Start fetching whatever is neither compressed nor kept."""
        for file in sorted(self._files, key=lambda f: -f.size):
            if members.kept(self._workshop.store, self._key(file)) is None:
                self._workshop.fetching.submit(self._file, file)

    def members(self, compiler: Callable[[], Compiler]) -> dict[Digest, Member]:
        """Every wheel's member, by its sha256; a file that several bring alike stays with the first by name.

        ``compiler``: gives the running interpreter; asked when there is something to compile.
        """
        result = {f.sha256: self._member(f, compiler) for f in self._files}
        shared = _sharing(result.values())
        if shared:
            self._share_out([f for f in self._files if result[f.sha256].key in shared], result, compiler)
        return result

    def _member(self, file: PythonFile, compiler: Callable[[], Compiler]) -> Member:
        store, epoch = self._workshop.store, self._workshop.epoch
        name = self._key(file)

        def making() -> Member:
            entries = self._entries(file, compiler)
            note = msgspec.json.encode(libraries.of(entries))
            subject = f"{file.name} {file.version}"
            return members.make(store, name, entries, subject=subject, epoch=epoch, note=note)

        return members.kept_or_made(store, name, making)

    def _entries(self, file: PythonFile, compiler: Callable[[], Compiler]) -> tuple[Entry, ...]:
        wheel = read_wheel(self._file(file), Layout(self._target.python), self._target, file=file.file)
        return with_bytecode(compiler(), wheel.entries)

    def _file(self, file: PythonFile) -> Path:
        return wheel_file(self._workshop, self._uv, file, self._urls.get(file.sha256, ""))

    def _key(self, file: PythonFile, *without: str) -> str:
        return key("wheel", file.sha256, self._interpreter, self._workshop.epoch, *without)

    def _share_out(
        self, files: Sequence[PythonFile], result: dict[Digest, Member], compiler: Callable[[], Compiler]
    ) -> None:
        by_name = {f"{f.name} {f.version}": f for f in sorted(files)}
        whole = ((subject, self._entries(file, compiler)) for subject, file in by_name.items())
        for subject, entries in overlay(whole):
            file = by_name[subject]
            paths = {e.path for e in entries if not isinstance(e, Directory)}
            left = sorted(set(result[file.sha256].paths) - paths)
            if left:
                name = self._key(file, *left)
                store, epoch = self._workshop.store, self._workshop.epoch
                result[file.sha256] = members.kept(store, name) or members.make(
                    store, name, entries, subject=subject, epoch=epoch, note=bytes(result[file.sha256].note)
                )


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
