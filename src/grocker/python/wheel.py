"""Wheels → entries: installed without a staging directory or an interpreter, independently of the host.

Source: Python packaging specifications, "Binary distribution format", "Recording installed projects", "Entry points".
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import msgspec

from grocker.errors import CorruptError, MissingError, StorageError
from grocker.platforms.architectures import ARCHITECTURES
from grocker.python import metadata, record, scripts, wheel_archive
from grocker.python.installed_wheel import Wheel
from grocker.python.metadata import EntryPoint, Metadata, normalise_name
from grocker.python.target import InstallScheme, WheelTarget
from grocker.python.wheel_archive import ZipContent, ZipMember
from grocker.tar.entry import Content, Directory, Entry, File

FORMAT = 1
"""Goes into step keys: raised when the same wheel would give other entries."""

_NOT_INSTALLED = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"})
_UNHASHED = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s"})
_GROUPS = frozenset({"console_scripts", "gui_scripts", "grocker.services"})
"""groups of entry points that Grocker reads"""
_HINT = "choose another version, and tell its publisher"
_MOST_FAULTS = 3
_LONGEST = 255
"""bytes of a file's name (NAME_MAX)"""
_LONGEST_PATH = 4095
"""bytes of a path with its root and its end (PATH_MAX)"""


Remember = Callable[[Sequence[bytes], Callable[[], Metadata]], Metadata]
"""Returns what the function made of the same bytes (name, WHEEL and METADATA of a wheel) before, or calls it, and lets
its errors through."""


def read_wheel(
    path: Path,
    layout: InstallScheme,
    target: WheelTarget | None = None,
    *,
    file: str = "",
    strict: bool = False,
    remember: Remember | None = None,
) -> Wheel:
    """The wheel at ``path``, verified, as entries below ``layout``.

    The file must not change while the entries are used: large files are read from it when they are written.
    ``file``: the wheel's file name, if ``path`` has another.
    ``target``: if given, a wheel with incompatible tags, or with binaries for other processors only, is an error.
    ``strict``: whether every deviation from the specification is an error; else those that pip and uv install are
    noted as faults. The RECORD in the image is right in any case.
    ``remember``: keeps what METADATA says, whose parsers take long to import.
    Raises CorruptError for a file that is not a wheel of its name; MissingError for the wrong platform.
    """
    file = file or path.name
    with open_wheel(path, file) as opened:
        return _Reading(path, file, opened, layout, strict=strict).wheel(target, remember)


def read_metadata(path: Path, *, file: str = "") -> tuple[Metadata, tuple[EntryPoint, ...]]:
    """METADATA and entry points alone, without reading the rest; arguments and errors as ``read_wheel``."""
    file = file or path.name
    with open_wheel(path, file) as opened:
        reading = _Reading(path, file, opened, InstallScheme("3"))
        return reading.metadata(), reading.entry_points()


@contextmanager
def open_wheel(path: Path, file: str) -> Iterator[ZipFile]:
    """Open a wheel as an archive; arguments and errors as ``read_wheel``, also while it is read."""
    try:
        with path.open("rb") as stream:
            wheel_archive.check_directory(stream, file)
            with ZipFile(stream) as opened:
                yield opened
    except (BadZipFile, EOFError, UnicodeDecodeError, NotImplementedError, struct.error) as error:
        raise CorruptError(
            f"reading {file}: truncated or malformed: {error}", hint="download or build it again"
        ) from error
    except OSError as error:
        raise StorageError(
            f"reading {file}: {error.strerror or error}", hint="make it readable, or check the disk"
        ) from error


class _Checked(msgspec.Struct, frozen=True):
    """A member verified against RECORD."""

    data: bytes | Content
    line_hash: str
    """for the new RECORD"""
    machine: int | None
    """``e_machine`` when it is an ELF file"""


class _Reading(msgspec.Struct, frozen=True):
    path: Path
    file: str
    opened: ZipFile
    layout: InstallScheme
    strict: bool = False
    faults: list[str] = msgspec.field(default_factory=list)

    def wheel(self, target: WheelTarget | None, remember: Remember | None) -> Wheel:
        members = wheel_archive.members(self.opened, self.file)
        info = self._dist_info(members)
        described, points = self._described(info, remember), self.entry_points()
        hashes = record.parse(self._read(f"{info}/RECORD"), self.file, self._fault)
        self._check_listed(hashes, members, info)
        files: dict[str, File] = {}
        lines: dict[str, str] = {}
        streamed = wheel_archive.streamed(members.values())
        machines: set[int | None] = set()
        data_directory = info.removesuffix(".dist-info") + ".data/"
        # What a scheme installs comes last and wins, as with pip.
        for name, member in sorted(members.items(), key=lambda item: (item[0].startswith(data_directory), item[0])):
            destination, script = self._destination(name, info, described.name)
            if name.startswith(f"{info}/") and name[len(info) + 1 :] in _UNHASHED:
                continue
            listed = name in hashes
            checked = self._verified(member, hashes.get(name), is_listed=listed, streamed=name in streamed)
            machines.add(checked.machine)
            if destination is None:
                continue
            data = checked.data
            if script and isinstance(data, bytes):
                data = scripts.set_interpreter(data, self.layout.interpreter)
            if data is checked.data:
                lines[destination] = checked.line_hash
            self._add(files, File(destination, data, 0o755 if script or member.executable else 0o644))
        for name, content in scripts.generate_scripts(points, self.layout.interpreter, self.file).items():
            path = f"{self.layout.scripts}/{name}"
            lines.pop(path, None)
            files[path] = File(path, content, 0o755)
        self._check_places(files)
        home = f"{self.layout.site}/{info}"
        self._add(files, File(f"{home}/INSTALLER", b"grocker\n"))
        self._add(files, File(f"{home}/RECORD", self._record(files.values(), lines, f"{info}/RECORD")))
        machines.discard(None)
        if target:
            self._check_platform(target, machines)
        return Wheel(
            file=self.file,
            name=normalise_name(described.name),
            version=described.version,
            site=self.layout.site,
            pure=not machines and self.file.endswith("-none-any.whl"),
            metadata=described,
            entry_points=points,
            entries=add_directories(files.values()),
            faults=tuple(self.faults[:_MOST_FAULTS]) + self._more_faults(),
        )

    def _fault(self, text: str, hint: str | None = None) -> None:
        """Note a deviation from the specification. Raises CorruptError when reading strictly."""
        if self.strict:
            raise CorruptError(f"reading {self.file}: {text}", hint=hint)
        self.faults.append(text)

    def _more_faults(self) -> tuple[str, ...]:
        more = len(self.faults) - _MOST_FAULTS
        return (f"and {more} more",) if more > 0 else ()

    def metadata(self) -> Metadata:
        """METADATA. Raises CorruptError when it contradicts the file name."""
        from packaging.utils import parse_wheel_filename
        from packaging.version import Version

        info = self._dist_info(self.opened.namelist())
        found = metadata.parse(self._read(f"{info}/METADATA"), f"METADATA of {self.file}")
        try:
            name, version, _, _ = parse_wheel_filename(self.file)
        except ValueError as error:  # InvalidWheelFilename, or a number of thousands of digits
            raise CorruptError(
                f"reading {self.file}: invalid wheel file name",
                hint="restore its name: NAME-VERSION-PYTHON-ABI-PLATFORM.whl",
            ) from error
        if (normalise_name(found.name), Version(found.version)) != (name, version):
            raise CorruptError(
                f"reading {self.file}: METADATA is of {found.name} {found.version}, contrary to the file name",
                hint="download it again, or tell its publisher: the file was renamed or forged",
            )
        return found

    def entry_points(self) -> tuple[EntryPoint, ...]:
        """The entry points; none when there is no entry_points.txt."""
        name = f"{self._dist_info(self.opened.namelist())}/entry_points.txt"
        if name not in self.opened.NameToInfo:
            return ()
        return metadata.parse_entry_points(
            self._read(name), f"entry_points.txt of {self.file}", None if self.strict else _GROUPS
        )

    def _dist_info(self, names: Iterable[str]) -> str:
        tops = {name.partition("/")[0] for name in names if "/" in name}
        found = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(found) != 1:
            raise CorruptError(f"reading {self.file}: expected one .dist-info directory, got {len(found)}", hint=_HINT)
        stem = self.file.split("-")
        if normalise_name(found[0].removesuffix(".dist-info").partition("-")[0]) != normalise_name(stem[0]):
            raise CorruptError(f"reading {self.file}: {found[0]} belongs to another project", hint=_HINT)
        return found[0]

    def _described(self, info: str, remember: Remember | None) -> Metadata:
        """Read METADATA; also checks the version of the format."""

        def read() -> Metadata:
            self._check_wheel_version(info)
            return self.metadata()

        if remember is None:
            return read()
        return remember([os.fsencode(self.file), *(self._read(f"{info}/{one}") for one in ("WHEEL", "METADATA"))], read)

    def _check_wheel_version(self, info: str) -> None:
        found = metadata.fields(self._read(f"{info}/WHEEL"), f"WHEEL of {self.file}")
        version = found.get("wheel-version", ("",))[0]
        if version.partition(".")[0] != "1":
            raise CorruptError(
                f"reading {self.file}: unsupported wheel format {version or '(none)'}; expected 1.x", hint=_HINT
            )

    def _read(self, name: str) -> bytes:
        info = self.opened.NameToInfo.get(name)
        if info is None:
            raise CorruptError(f"reading {self.file}: {name} is missing", hint=_HINT)
        if info.file_size > wheel_archive.LARGE:
            raise CorruptError(f"reading {self.file}: {name} is too large: {info.file_size} bytes", hint=_HINT)
        member = ZipMember(name, info.file_size, executable=False, info=info)
        return b"".join(wheel_archive.chunks(self.opened, member, self.file))

    def _check_listed(self, hashes: Iterable[str], members: Iterable[str], info: str) -> None:
        listed, present = set(hashes), set(members)
        own = {f"{info}/{name}" for name in _UNHASHED}
        for name in sorted(present - listed - own):
            self._fault(f"{name} is not in RECORD")
        for name in sorted(name for name in listed - present - own if not name.endswith("/")):
            self._fault(f"{name} is in RECORD but not in the archive")

    def _verified(
        self, member: ZipMember, expected: record.Hash | None, *, is_listed: bool, streamed: bool
    ) -> _Checked:
        if expected is record.UNUSABLE:
            expected = None
        elif expected is None and is_listed:
            self._fault(f"RECORD has no hash for {member.name}")
        algorithm = expected.algorithm if expected else "sha256"
        hashing, ours = hashlib.new(algorithm), hashlib.sha256()
        parts: list[bytes] = []
        head = b""
        for chunk in wheel_archive.chunks(self.opened, member, self.file):
            head = head or chunk[:20]
            hashing.update(chunk)
            if algorithm != "sha256":
                ours.update(chunk)
            if not streamed:
                parts.append(chunk)
        if expected is not None and record.encoded(hashing.digest()) != expected.value:
            self._fault(
                f"{member.name} does not match its hash in RECORD ({algorithm})",
                hint="download it again, or tell its publisher: the wheel was changed after it was built",
            )
        digest = hashing.digest() if algorithm == "sha256" else ours.digest()
        data = ZipContent.of(self.path, self.file, member, digest.hex()) if streamed else b"".join(parts)
        return _Checked(data, "sha256=" + record.encoded(digest), _elf_machine(head))

    def _destination(self, name: str, info: str, project: str) -> tuple[str | None, bool]:
        """Where a member goes (None: nowhere), and whether it is a script."""
        top, _, rest = name.partition("/")
        if top == info and rest in _NOT_INSTALLED:
            return None, False
        if top != info.removesuffix(".dist-info") + ".data" or not rest:
            return f"{self.layout.site}/{name}", False
        scheme, _, path = rest.partition("/")
        if not path:
            raise CorruptError(f"reading {self.file}: {name} is outside of every install scheme", hint=_HINT)
        match scheme:
            case "purelib" | "platlib":
                return f"{self.layout.site}/{path}", False
            case "scripts":
                return f"{self.layout.scripts}/{path}", True
            case "data":
                return f"{self.layout.prefix}/{path}", False
            case "headers":
                return f"{self.layout.headers(project)}/{path}", False
            case _:
                raise CorruptError(f"reading {self.file}: {name}: unknown install scheme {scheme}", hint=_HINT)

    def _add(self, files: dict[str, File], file: File) -> None:
        if file.path in files and (self.strict or files[file.path].data != file.data):
            self._fault(f"two files would be installed as /{file.path}")
        files[file.path] = file

    def _check_places(self, files: Iterable[str]) -> None:
        """Reject files of the environment itself, and paths that are too long for Linux."""
        bin_, own = self.layout.scripts, f"{self.layout.prefix}/pyvenv.cfg"
        for path in files:
            if len(path.encode()) >= _LONGEST_PATH or any(len(part.encode()) > _LONGEST for part in path.split("/")):
                raise CorruptError(
                    f"reading {self.file}: the path /{path[:80]}… is longer than Linux permits", hint=_HINT
                )
            if path in (own, bin_) or re.fullmatch(rf"{re.escape(bin_)}/python[\d.]*", path):
                raise CorruptError(f"reading {self.file}: it would overwrite the environment's own /{path}", hint=_HINT)

    def _record(self, files: Iterable[File], lines: dict[str, str], own: str) -> bytes:
        rows = []
        inside, prefix = self.layout.site + "/", self.layout.prefix + "/"
        outside = posixpath.relpath(prefix, inside) + "/"
        for file in files:
            size = len(file.data) if isinstance(file.data, bytes) else file.data.size
            path = (
                file.path.removeprefix(inside)
                if file.path.startswith(inside)
                else outside + file.path.removeprefix(prefix)
            )
            rows.append((path, lines.get(file.path) or record.hash_file(file), size))
        return record.write(rows, own)

    def _check_platform(self, target: WheelTarget, machines: set[int | None]) -> None:
        from grocker.python.tags import rank_file

        # Computing a thousand tags to find this one takes longer than reading a small wheel.
        if not self.file.endswith("-py3-none-any.whl") and rank_file(self.file, target) is None:
            raise MissingError(
                f"{self.file} is not compatible with the image: {target}",
                hint="use a wheel for this platform, or build for the platform of the wheel",
            )
        if machines and ARCHITECTURES[target.architecture].elf_machine not in machines:
            raise CorruptError(
                f"reading {self.file}: none of its binaries is for {target.architecture}, contrary to its file name",
                hint=_HINT,
            )


def _elf_machine(head: bytes) -> int | None:
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    return int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")


def add_directories(files: Iterable[Entry]) -> tuple[Entry, ...]:
    """``files`` and their parent directories, each once, sorted by path."""
    found: dict[str, Entry] = {}
    for file in files:
        found[file.path] = file
    for path in list(found):
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found[parent] = Directory(parent)
            parent = parent.rpartition("/")[0]
    for path in found:
        parent = path.rpartition("/")[0]
        if parent and not isinstance(found[parent], Directory):
            raise CorruptError(f"/{path} is below /{parent}, which is a file", hint=_HINT)
    return tuple(found[path] for path in sorted(found))
