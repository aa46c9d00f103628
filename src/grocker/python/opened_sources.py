"""The files of what a wheel is built from: an sdist unpacked, a repository checked out, a directory read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec.structs import replace

from grocker.context import Context, download
from grocker.digest import Digest, from_hex, of
from grocker.errors import CorruptError, GrockerError, MissingError
from grocker.lock.values import PythonFile
from grocker.python import source_tree
from grocker.python.indexes import hide_credentials
from grocker.python.source_tree import SourceTree
from grocker.python.sources import ARCHIVE, PATH, DirectorySource, GitSource, Sdist, Source, parse_git, parse_source
from grocker.python.tree_record import TreeRecord
from grocker.python.uv import Uv


class OpenedSource(msgspec.Struct, frozen=True):
    """The files of a source."""

    tree: SourceTree
    what: str
    """for people: "old 1.0 from its sdist" """
    identity: str
    """changes whenever another wheel may come out"""
    digest: Digest | None = None
    """of the sdist, or of the directory's files"""
    locked: str = ""
    """how a lock names a repository or a directory, see ``PythonFile``"""


def open_source(
    context: Context, uv: Uv, source: Source, scratch: Path, base: Path | None, *, submodules: bool
) -> OpenedSource:
    """Fetch ``source`` if it has to be, and read its files.

    ``scratch``: an empty directory. ``base``: the project's directory, which a lock names directories relative to.
    Raises what fetching it raises, CorruptError for a malformed archive, MissingError for a directory that is gone.
    """
    match source:
        case Sdist():
            return _open_sdist(context, uv, source, scratch)
        case GitSource():
            return _open_git(context, source, submodules=submodules)
        case DirectorySource():
            return _open_directory(context, source, base)


def read_directory(context: Context, path: Path, exclude: tuple[str, ...] = ()) -> SourceTree:
    """Read the files of a project's directory; hash only those whose stat(2) has changed."""
    name = "source-record-" + hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
    kept = context.store.kept("steps", name)
    known = TreeRecord.decode(kept) if kept is not None else None
    tree = source_tree.read_tree(path, now=int(context.now * 1e9), known=known, exclude=exclude)
    if tree.known is not known and tree.known != known:
        context.store.keep("steps", name, tree.known.encode())
    return tree


def locked_source(text: str, name: str, base: Path) -> Source | str:
    """The source that a lock names (``PythonFile.source``), the address of a wheel. Raises SettingsError."""
    if text.startswith("git+"):
        return parse_git(text.removeprefix("git+"), name=name)
    url = text.removeprefix(ARCHIVE)
    if text.startswith(PATH):
        url = Path(os.path.normpath((base / text.removeprefix(PATH)).absolute())).as_uri()
    return parse_source(url, name=name) or url


def lock_source(text: str, base: Path | None) -> str:
    """``PythonFile.source`` for an address: a file of this host is named relative to ``base``, the project."""
    if base is None or not text.startswith(f"{ARCHIVE}file:"):
        return text
    path, hash_sign, fragment = text.removeprefix(ARCHIVE).partition("#")
    return f"{PATH}{os.path.relpath(unquote(urlsplit(path).path), base.absolute())}{hash_sign}{fragment}"


def _open_sdist(context: Context, uv: Uv, sdist: Sdist, scratch: Path) -> OpenedSource:
    from grocker.python.sdist_archive import SUFFIXES, unpack_sdist

    what = f"{sdist.name or sdist.file} {sdist.version}".strip()
    label = f"{what} from its sdist"
    if not sdist.file.endswith(SUFFIXES):
        raise CorruptError(f"building {label}: unsupported archive {sdist.file}", hint="use a version with a wheel")
    url = uv.address(sdist.url)
    digest = sdist.sha256 or _measure(context, url, what)
    path = download(context, url, digest=digest, size=sdist.size, what=f"the sdist of {what}")
    tree = unpack_sdist(path, scratch / "sdist", file=sdist.file)
    if sdist.subdirectory:
        tree = replace(tree, root=tree.root / sdist.subdirectory)
        tree = source_tree.read_tree(tree.root, now=0)
    locked = ""
    if sdist.is_addressed:
        within = f"#subdirectory={sdist.subdirectory}" if sdist.subdirectory else ""
        locked = f"{ARCHIVE}{hide_credentials(sdist.url)}{within}"
    return OpenedSource(tree, label, digest + sdist.subdirectory, digest=digest, locked=locked)


def _measure(context: Context, url: str, what: str) -> Digest:
    """The digest of a file that nobody gives one for, by fetching it once."""
    action = f"fetching the sdist of {what}"
    if url.startswith("file:"):
        path = Path(unquote(urlsplit(url).path))
        try:
            return of(path.read_bytes())
        except OSError as error:
            raise MissingError(f"{action}: {path}: {error.strerror}", hint="fix the path in the requirement") from error
    with context.transport.open("GET", url, action=action) as response:
        hashing = hashlib.sha256()
        for chunk in response.chunks():
            hashing.update(chunk)
    return from_hex(hashing.hexdigest())


def _open_git(context: Context, source: GitSource, *, submodules: bool) -> OpenedSource:
    from grocker.python import git_checkout

    what = f"{source.name} from {source.shown}".strip()
    with context.progress.task(f"fetching {source.shown}"):
        commit = git_checkout.find_commit(source, context.environ)
        tree = git_checkout.checkout(context.store, source, commit, context.environ, submodules=submodules)
    commit = (tree / ".git" / "HEAD").read_text().strip()
    root = tree / source.subdirectory
    if not root.resolve().is_relative_to(tree.resolve()) or not root.is_dir():
        raise MissingError(
            f"building {what}: the repository has no directory {source.subdirectory!r} at that commit",
            hint="fix subdirectory in the requirement",
        )
    read = source_tree.read_tree(root, now=0)
    if (tree / ".gitmodules").is_file() and not submodules:
        context.progress.warn(
            f"the submodules of {hide_credentials(source.url)} are not fetched",
            "if its wheel needs them, set submodules = true in [tool.grocker.build]",
        )
    state = read.repository.read_state() if read.repository is not None else b""
    locked = replace(source, reference=commit).shown
    return OpenedSource(read, what, f"{commit} {source.subdirectory} {read.digest} {of(state)}", locked=locked)


def _open_directory(context: Context, source: DirectorySource, base: Path | None) -> OpenedSource:
    path = Path(os.path.normpath(source.path))
    shown = os.path.relpath(path, base) if base is not None else str(path)
    what = f"{source.name} from {shown}".strip()
    if not path.is_dir():
        kind = "is a file" if path.exists() else "does not exist"
        raise MissingError(f"building {what}: {path} {kind}", hint="fix its path in the project or its lock")
    tree = read_directory(context, path)
    state = tree.repository.read_state() if tree.repository is not None else b""
    return OpenedSource(tree, what, f"{tree.digest} {of(state)}", digest=tree.digest, locked=PATH + shown)


def is_current(context: Context, file: PythonFile, base: Path) -> bool:
    """Whether the directory or file of this host that a locked wheel comes from is as it was; true for all others."""
    if not file.source.startswith(PATH):
        return True
    path = base / file.source.removeprefix(PATH).partition("#")[0]
    try:
        if path.is_dir():
            return read_directory(context, path).digest == file.sdist
        return of(path.read_bytes()) == (file.sdist or file.sha256)
    except (OSError, GrockerError):
        return False


def local_files(context: Context, files: Iterable[PythonFile], base: Path) -> Iterator[str]:
    """Yield the files and directories of this host that wheels were built from or copied from."""
    for file in files:
        if not file.source.startswith(PATH):
            continue
        path = Path(os.path.normpath((base / file.source.removeprefix(PATH).partition("#")[0]).absolute()))
        yield str(path)
        if path.is_dir():
            tree = read_directory(context, path)
            yield from (str(path / one) for one in tree.watched)
            if tree.repository is not None:
                yield from map(str, tree.repository.state_files())
