"""A project's wheel made from the last one, without its back end, when only files changed that it copies as they are.

``static_configuration`` finds out which files these are after a back end has run; here it is only applied.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from grocker import local_file
from grocker.digest import Digest, of
from grocker.errors import StorageError
from grocker.lock.values import BuildRequirement
from grocker.python.build_identity import key_of
from grocker.python.project import Project
from grocker.python.pure_wheel import read_member, replace_members
from grocker.python.source_tree import SourceFile, SourceTree
from grocker.regex import regex
from grocker.store import Store
from grocker.tar.keys import cache_key

BACK_ENDS = frozenset(
    (
        *("setuptools.build_meta", "hatchling.build", "flit_core.buildapi", "poetry.core.masonry.api", "pdm.backend"),
        "uv_build",
    )
)
"""those that ``static_configuration`` knows"""
_ROW = regex(rb"sha256=[\w-]{43},\d+(?P<end>\r?)")
"""what RECORD says of a file, after its path"""


class WheelTemplate(msgspec.Struct, frozen=True):
    """A wheel that a back end made, or that was made from such a one."""

    wheel: Digest
    """in the store, as ``write_pure_wheel`` writes it"""
    file: str
    """its name"""
    digests: Mapping[str, str]
    """the files of the tree that it was made of: path → sha256, hexadecimal"""
    members: Mapping[str, str]
    """those that are copied as they are: path → member of the wheel"""
    record: str
    """the member that lists the others"""


class _LastWheel(msgspec.Struct, frozen=True):
    """A wheel that was made from a template, which may be large: what later ones are made from."""

    wheel: Digest
    """in the store"""
    digests: Mapping[str, str] = {}
    """the files of the tree that were others than the template's: path → sha256, hexadecimal"""


def template_key(
    project: Project, tree: SourceTree, pins: Sequence[BuildRequirement], epoch: int, variables: Mapping[str, str]
) -> str | None:
    """A digest of all that two wheels must have in common to be made from one another; None if none can be.

    That is everything that ``build_key`` has, except for the content of files and for the commits of the repository.
    """
    if project.backend not in BACK_ENDS or project.backend_path:
        return None
    if any(file.target is not None for file in tree.files):
        return None  # what a link leads to is several members
    if tree.shape:
        return cache_key("wheel template", key_of((tree.shape,), pins, epoch, variables))
    words = [f"{'x' if file.executable else 'f'} {file.path}" for file in tree.files]
    repository = tree.repository
    if repository is not None:
        words += [repository.prefix, *sorted(repository.tracked), *(of(_read(rules)) for rules in repository.rules())]
    try:
        shape = of("\0".join(words).encode())
    except UnicodeEncodeError:
        return None  # a path that is no text
    return cache_key("wheel template", key_of((shape,), pins, epoch, variables))


def _read(path: Path) -> bytes:
    try:
        return local_file.read(path)
    except OSError:
        return b""


def update_wheel(store: Store, key: str, tree: SourceTree, workspace: Path) -> WheelTemplate | None:
    """Make the wheel of ``tree`` from the last one with that ``template_key``; None if the back end has to.

    It is in the store then, as the last one. ``workspace``: a scratch directory. Raises as ``apply_template``.
    """
    template = store.kept_as("steps", key, WheelTemplate)
    if template is None:
        return None
    own = cache_key("last wheel", key, template.wheel)
    last = store.kept_as("steps", own, _LastWheel) or _LastWheel(template.wheel)
    current = replace(template, wheel=last.wheel, digests={**template.digests, **last.digests})
    wheel = store.built_wheel(last.wheel)
    changed = _changed(current, tree)
    path = _apply(current, wheel, tree.root, changed, workspace) if wheel is not None else None
    if path is None:
        return None
    made = store.add_wheel(path)
    digests = {**last.digests, **{file.path: file.digest for file in changed}}
    others = {path: digest for path, digest in digests.items() if template.digests.get(path) != digest}
    store.keep("steps", own, msgspec.json.encode(_LastWheel(made, others)))
    return replace(current, wheel=made)


def _changed(template: WheelTemplate, tree: SourceTree) -> list[SourceFile]:
    digests = template.digests
    return [file for file in tree.files if digests.get(file.path) != file.digest]


def apply_template(template: WheelTemplate, wheel: Path, tree: SourceTree, directory: Path) -> Path | None:
    """Make the wheel of ``tree`` from the template's, at the path ``wheel``; None if the back end has to.

    ``tree``: with the key of the template. ``directory``: where the new one is written.
    Raises CorruptError when a file changed since ``tree`` was read, StorageError.
    """
    return _apply(template, wheel, tree.root, _changed(template, tree), directory)


def _apply(
    template: WheelTemplate, wheel: Path, root: Path, changed: Sequence[SourceFile], directory: Path
) -> Path | None:
    if any(file.path not in template.members for file in changed):
        return None
    try:
        replaced = {template.members[file.path]: file.read(root) for file in changed}
    except OSError as error:
        raise StorageError(
            f"copying the project: {error.filename}: {error.strerror}", hint="check the file system (dmesg, mount)"
        ) from error
    names = [(template.members[file.path], file.digest) for file in changed]
    rows = {name: (digest, len(replaced[name])) for name, digest in names}
    record = rewrite_record(read_member(wheel, template.record), rows)
    path = directory / template.file
    is_written = record is not None and replace_members(wheel, {**replaced, template.record: record}, path)
    return path if is_written else None


def rewrite_record(record: bytes, rows: Mapping[str, tuple[str, int]]) -> bytes | None:
    """RECORD with other rows for some paths: sha256, hexadecimal, and size. None if it has not one row for each."""
    expected = {os.fsencode(path): row for path, row in rows.items()}
    lines = record.split(b"\n")
    found = 0
    for number, line in enumerate(lines):
        path, _, rest = line.partition(b",")
        row = expected.get(path)
        if row is None:
            continue
        match = _ROW.fullmatch(rest)
        if match is None:
            return None
        digest, size = row
        hashed = base64.urlsafe_b64encode(bytes.fromhex(digest)).rstrip(b"=")
        lines[number] = b"%s,sha256=%s,%d%s" % (path, hashed, size, match["end"])
        found += 1
    return b"\n".join(lines) if found == len(expected) else None
