"""A project's git repository: which files git tracks or ignores, and a work tree for back ends. It is only read.

Sources: gitrepository-layout(5) ("commondir"), gitignore(5), git-ls-files(1).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from grocker import command, local_file
from grocker.errors import StorageError
from grocker.python.uv import PATH

_READ_ONLY = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
    "GIT_CONFIG_KEY_1": "core.fsmonitor",  # which would run a program of the repository's choice
    "GIT_CONFIG_VALUE_1": "false",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
_SHA1 = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
_SHA256 = "[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\tobjectformat = sha256\n"
_ACTION = "reading the project's git repository"


class Repository:
    """The repository that a project lies in; what git says of it is asked once, when it is needed."""

    def __init__(self, root: Path, top: Path, directory: Path) -> None:
        """``root``: the project. ``top``: the work tree, ``root`` or above. ``directory``: its git directory."""
        self.root = root
        self.top = top
        self.directory = directory
        self.prefix = "" if root == top else root.relative_to(top).as_posix()
        """the project's place in the work tree; empty at its top"""

    @cached_property
    def common(self) -> Path:
        """The directory with objects and references: of a linked work tree, the main one's."""
        try:
            return (self.directory / os.fsdecode(local_file.read(self.directory / "commondir").strip())).resolve()
        except OSError:
            return self.directory

    @cached_property
    def tracked(self) -> frozenset[str]:
        """Files that git tracks, those of submodules included; relative to the project."""
        return frozenset(self._list("--cached", "--recurse-submodules"))

    @cached_property
    def ignored(self) -> frozenset[str]:
        """Files that git ignores, relative to the project; a directory that is ignored whole ends with a slash."""
        return frozenset(self._list("--others", "--ignored", "--exclude-standard", "--directory"))

    @cached_property
    def tracked_directories(self) -> frozenset[str]:
        """The directories that tracked files lie in, relative to the project."""
        found: set[str] = set()
        for path in self.tracked:
            parent = path.rpartition("/")[0]
            while parent and parent not in found:
                found.add(parent)
                parent = parent.rpartition("/")[0]
        return frozenset(found)

    def is_ignored(self, path: str) -> bool:
        """Whether git ignores the file or directory at ``path``, relative to the project."""
        parts = path.split("/")
        return (
            path in self.ignored
            or path + "/" in self.ignored
            or any("/".join(parts[:number]) + "/" in self.ignored for number in range(1, len(parts)))
        )

    def _list(self, *options: str) -> list[str]:
        return _paths(_git(self.root, "ls-files", "-z", *options).stdout)

    def tracked_at(self, path: str) -> tuple[str, ...]:
        """The tracked file at ``path``, or the tracked files below it; both relative to the top, sorted."""
        literal = f":(top,literal){path}"
        return tuple(sorted(_paths(_git(self.top, "ls-files", "--cached", "-z", "--", literal).stdout)))

    def rules(self) -> tuple[Path, ...]:
        """The files above and beside the project that tell git what to ignore, whether they exist or not."""
        above = [p for p in self.root.parents if p == self.top or self.top in p.parents]
        return (*(p / ".gitignore" for p in above), self.common / "info" / "exclude")

    def state_files(self) -> tuple[Path, ...]:
        """The files and directories that ``read_state`` depends on, whether they exist or not."""
        try:
            head = local_file.read(self.directory / "HEAD")
        except OSError:
            head = b""
        branch = [self.common / os.fsdecode(head[5:].strip())] if head.startswith(b"ref: ") else []
        own = [self.directory / name for name in ("HEAD", "commondir", "index")]
        tags = self.common / "refs" / "tags"
        shared = [self.common / name for name in ("packed-refs", "config")]
        return (self.top / ".git", *own, *shared, *branch, tags, *tags.rglob("*"), *self.rules())

    def read_state(self) -> bytes:
        """Read what back ends can learn from git besides the files: branch, commit, tags, index and ignore rules.

        Clones have the same state. Empty without git on this host: then no back end can ask it. An error of git itself
        is reported when the back end runs it. Raises StorageError when ``HEAD`` cannot be read.
        """
        if _program() is None:
            return b""
        try:
            parts = [self.prefix.encode("utf-8", "surrogateescape"), local_file.read(self.directory / "HEAD")]
        except OSError as error:
            raise StorageError(
                f"{_ACTION}: {error.filename}: {error.strerror}",
                hint="check the file system (dmesg, mount), or run: git fsck",
            ) from error
        for arguments in (("show-ref", "--head", "--tags"), ("ls-files", "--stage", "-z")):
            output = _git(self.root, *arguments)
            parts += [str(output.status).encode(), output.stdout]
        for rules in self.rules():
            try:
                parts.append(local_file.read(rules))
            except OSError:
                parts.append(b"")
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)

    def share(self, copy: Path, counted: Iterable[str]) -> Mapping[str, str]:
        """Make ``copy`` the work tree of a repository like this one, and return the variables that let git use it.

        Head, index, references and ignore rules are copies; objects are this repository's. Its configuration, which may
        hold credentials and names programs, is not copied. ``copy``: what the project was copied into, as its place in
        the work tree says. ``counted``: the files copied, relative to ``copy``; others count as unchanged.
        Raises OSError.
        """
        import shutil

        own = copy / ".git"
        for name in ("refs", "info", "objects/info", "objects/pack"):
            (own / name).mkdir(parents=True)
        for source in (self.directory / "HEAD", self.directory / "index", *self.directory.glob("sharedindex.*")):
            if source.is_file():
                shutil.copyfile(source, own / source.name)
        for name in ("info/exclude", "shallow"):
            if (self.common / name).is_file():
                shutil.copyfile(self.common / name, own / name)
        (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(self.common / "objects") + b"\n")
        (own / "packed-refs").write_bytes(_git(self.root, "for-each-ref", "--format=%(objectname) %(refname)").stdout)
        is_sha256 = _git(self.root, "rev-parse", "--show-object-format").stdout.strip() == b"sha256"
        (own / "config").write_text(_SHA256 if is_sha256 else _SHA1)
        for rules in self.rules():
            if rules.name == ".gitignore" and rules.is_file():
                target = copy / rules.relative_to(self.top)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    shutil.copyfile(rules, target)
        there = set(counted)
        absent = [path for path in _paths(_git(copy, "ls-files", "-z").stdout) if path not in there]
        names = b"".join(os.fsencode(path) + b"\0" for path in absent)
        if absent:
            _git(copy, "update-index", "-z", "--skip-worktree", "--stdin", stdin=names)
        return _READ_ONLY


def nearest_repository(root: Path) -> Repository | None:
    """The repository at ``root``, or the nearest above it, whoever owns it; None if there is none that can be read."""
    real = Path(os.path.realpath(root))
    for top in (real, *real.parents):
        try:
            directory = _git_directory(top)
        except OSError:
            return None
        if directory is not None:
            return Repository(real, top, directory)
    return None


def find_repository(root: Path) -> Repository | None:
    """The repository whose work tree is ``root``, or is above it and does not ignore it; None when there is none.

    As for git, one above counts only when it belongs to the caller or to the project's owner: it names programs that
    git runs. Raises StorageError when ``.git`` cannot be read.
    """
    real = Path(os.path.realpath(root))
    for top in (real, *real.parents):
        try:
            directory = _git_directory(top)
        except OSError as error:
            if top != real:
                return None
            raise StorageError(
                f"reading {top / '.git'}: {error.strerror}",
                hint="check the file system (dmesg, mount), or run: git fsck",
            ) from error
        if directory is None:
            continue
        found = Repository(real, top, directory)
        if top == real:
            return found
        owners = {os.geteuid(), real.stat().st_uid}
        if not {top.stat().st_uid, (top / ".git").stat().st_uid} <= owners:
            return None
        is_ignored = _program() is not None and _git(top, "check-ignore", "-q", "--", found.prefix).status == 0
        return None if is_ignored and not found.tracked else found
    return None


def _git_directory(top: Path) -> Path | None:
    dot = top / ".git"
    if dot.is_dir():
        return dot
    text = os.fsdecode(local_file.read(dot)).strip() if dot.is_file() else ""
    return (top / text.removeprefix("gitdir: ")).absolute() if text.startswith("gitdir: ") else None


def has_git() -> bool:
    """Whether git is installed on this host."""
    return _program() is not None


def _program() -> str | None:
    # shutil.which does more, and its module imports bz2 and lzma: a sixtieth of a build after a changed line.
    candidates = (f"{directory}/git" for directory in PATH.split(":"))
    return next((path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def _git(directory: Path, *arguments: str, stdin: bytes = b"") -> command.Output:
    """Run git in ``directory``, reading only; a failure has no output."""
    program = _program()
    if program is None:
        return command.Output(127, b"", "")
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **_READ_ONLY}
    return command.run([program, *arguments], action=_ACTION, environment=environment, directory=directory, stdin=stdin)


def _paths(listing: bytes) -> list[str]:
    return [os.fsdecode(path) for path in listing.split(b"\0") if path]
