"""A project's git repository, for back ends that take the version from it. The repository is only read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from grocker import command, local_file
from grocker.errors import StorageError
from grocker.python.uv import PATH

_READ_ONLY = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def find_repository(root: Path) -> Path | None:
    """The git directory of the repository whose work tree is ``root``; None when there is none.

    Raises StorageError when ``.git`` cannot be read.
    """
    dot = root / ".git"
    if dot.is_dir():
        return dot.absolute()
    try:
        text = os.fsdecode(local_file.read(dot)).strip() if dot.is_file() else ""
    except OSError as error:
        raise StorageError(f"reading {dot}: {error.strerror}") from error
    return (root / text.removeprefix("gitdir: ")).absolute() if text.startswith("gitdir: ") else None


def read_state(root: Path) -> bytes:
    """What a version from git depends on besides the files: branch, commit, tags and index. Clones have the same state.

    Empty when ``root`` has no repository, or this host no git: then no back end can read the version from it. An error
    of git itself is reported when the back end runs it. Raises StorageError when ``HEAD`` cannot be read.
    """
    import shutil

    repository = find_repository(root)
    program = shutil.which("git", path=PATH)
    if repository is None or program is None:
        return b""
    try:
        parts = [local_file.read(repository / "HEAD")]
    except OSError as error:
        raise StorageError(f"reading the project's git repository: {error.filename}: {error.strerror}") from error
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **_READ_ONLY}
    for arguments in (("show-ref", "--head", "--tags"), ("ls-files", "--stage", "-z")):
        output = command.run(
            [program, "-c", "core.fsmonitor=false", *arguments],  # not a program that the repository names
            action="reading the project's git repository",
            environment=environment,
            directory=root,
        )
        parts += [str(output.status).encode(), output.stdout]
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def state_files(root: Path) -> tuple[Path, ...]:
    """Return the files and directories that ``read_state`` depends on, whether they are there or not."""
    repository = find_repository(root)
    if repository is None:
        return (root / ".git",)
    common = repository
    try:
        if (repository / "commondir").is_file():  # a work tree's (gitrepository-layout(5))
            common = repository / os.fsdecode(local_file.read(repository / "commondir").strip())
        head = local_file.read(repository / "HEAD")
    except OSError:
        head = b""
    branch = [common / os.fsdecode(head[5:].strip())] if head.startswith(b"ref: ") else []
    files = [repository / name for name in ("HEAD", "commondir", "index")]
    tags = common / "refs" / "tags"
    return (root / ".git", *files, common / "packed-refs", common / "config", *branch, tags, *tags.rglob("*"))


def share_repository(root: Path, copy: Path, workspace: Path) -> Mapping[str, str]:
    """Make ``copy`` a work tree of the repository of ``root``, and return the variables that let git use it.

    ``workspace``: a scratch directory, for a copy of the index. Raises OSError.
    """
    import shutil

    repository = find_repository(root)
    if repository is None:
        return {}
    (copy / ".git").write_text(f"gitdir: {repository}\n")
    index = workspace / "git-index"
    if (repository / "index").is_file():
        shutil.copyfile(repository / "index", index)
    return {**_READ_ONLY, "GIT_INDEX_FILE": os.fspath(index)}
