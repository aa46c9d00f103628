"""Run a command in a sandbox, and find out how this host can isolate one."""

from __future__ import annotations

import errno
import marshal
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from grocker import command
from grocker.errors import BugError, StorageError, UnavailableError
from grocker.sandbox.sandbox import HOSTNAME, Bind, Sandbox
from grocker.store.writing import storage

Isolation = Literal["namespaces", "user namespaces", "chroot"]
"""how the host isolates: as root in namespaces, as a user in namespaces of that user, as root in a chroot alone"""

_ENTER = Path(__file__).parent / "_enter.py"
_NOBODY = 65534
_REMEDIES = {
    73: "find out what it writes; if it needs that much, run it outside Grocker and use its result",
    74: "free space (grocker prune), or use a larger disk (GROCKER_CACHE)",
}
"""by exit status of a sandbox that was ended because of the disk: see ``_enter``"""
_MINORS = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
_LONGEST = 4096
"""bytes of a path: PATH_MAX of Linux, with the NUL at its end"""
CHOICES = (
    "allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone,"
    " kernel.apparmor_restrict_unprivileged_userns; docker run --security-opt seccomp=unconfined),"
    " run Grocker as root, or build the wheel elsewhere (pip wheel) and set find-links in [tool.uv]"
)
"""remedies for a host without a sandbox"""


class NoSandboxError(UnavailableError):
    """This host gives this user no way to isolate a command."""


class DiskLimitError(StorageError):
    """A command filled the disk, or wrote too much, and was ended."""


_found: dict[tuple[Path, int], Isolation] = {}
"""by the program that enters and the user: what has worked in this process"""


def find_isolation(scratch: Path) -> Isolation:
    """Return the best isolation that this host allows this user: each is tried, until one has worked.

    ``scratch``: an empty directory. Raises NoSandboxError that says why the first one failed.
    """
    key = _ENTER, os.geteuid()
    if key not in _found:
        _found[key] = _try_isolations(scratch)
    return _found[key]


def _try_isolations(scratch: Path) -> Isolation:
    kinds: tuple[Isolation, ...] = (
        ("namespaces", "user namespaces", "chroot") if os.geteuid() == 0 else ("user namespaces",)
    )
    reason = ""
    for isolation in kinds:
        problem = _try(Sandbox(_directory(scratch, "empty")), isolation, scratch)
        if not problem:
            return isolation
        reason = reason or problem
    raise NoSandboxError(f"this host does not allow a sandbox: {reason}", hint=CHOICES)


def can_show(sandbox: Sandbox, *, isolation: Isolation, scratch: Path) -> bool:
    """Tell whether this host can show everything that a command would see: it is tried without one. See ``run``."""
    return not _try(sandbox, isolation, scratch)


def _try(sandbox: Sandbox, isolation: Isolation, scratch: Path) -> str:
    """Enter a sandbox and leave it; return why that failed, or nothing."""
    tried = _start(sandbox, (), isolation, scratch, "/", "testing the sandbox", _ignore)
    if not tried.stderr and tried.status == 0:
        return ""
    return tried.stderr.strip() or f"exit status {tried.status}"


def run(
    sandbox: Sandbox,
    arguments: Sequence[str],
    *,
    isolation: Isolation,
    scratch: Path,
    directory: str = "/",
    action: str,
    on_line: Callable[[str], object] = lambda _: None,
) -> command.Output:
    """Run a command until it and everything that it started have ended; the caller judges its status.

    ``isolation``: what ``find_isolation`` returned. ``scratch``: a directory on the file system of the writable binds,
    removed by the caller. ``directory``: where it runs, in the sandbox. ``on_line``: called with each line it writes.
    The output's ``stdout`` is the end of both its standard output and its standard error, ``status`` is 128 + N if
    signal N ended it. Raises UnavailableError when it cannot be started, or does not end in time, and DiskLimitError
    when it writes too much.
    """
    for bind in sandbox.binds:
        if bind.is_writable and isolation != "user namespaces":
            _give_away(bind.source)
    moved = isolation == "chroot"
    try:
        inside = _make_chroot(sandbox, scratch) if moved else sandbox
        output = _start(inside, arguments, isolation, scratch, directory, action, on_line)
    finally:
        if moved:
            _move_back(sandbox, scratch)
        for bind in sandbox.binds:
            if bind.is_writable:
                _make_removable(bind.source)
    if output.stderr and output.status in _REMEDIES:
        raise DiskLimitError(f"{action}: stopped because {output.stderr.strip()}", hint=_REMEDIES[output.status])
    if output.stderr:
        raise UnavailableError(
            f"{action}: cannot start {arguments[0]} in the sandbox: {output.stderr.strip()}",
            hint="check this host's disk and limits (df, ulimit -a, dmesg), or run Grocker as root",
        )
    return output


def _start(
    sandbox: Sandbox,
    arguments: Sequence[str],
    isolation: Isolation,
    scratch: Path,
    directory: str,
    action: str,
    on_line: Callable[[str], object],
) -> command.Output:
    request = {
        "parent": os.getpid(),
        "isolation": isolation,
        "root": str(sandbox.root),
        "place": str(_directory(scratch, "place")),
        "binds": [[str(bind.source), bind.target, bind.is_writable] for bind in sandbox.binds],
        "network": sandbox.has_network,
        "ipc": sandbox.has_ipc,
        "environment": dict(sandbox.variables),
        "directory": directory,
        "arguments": list(arguments),
        "hostname": HOSTNAME,
        "limits": msgspec.structs.asdict(sandbox.limits),
    }
    return command.stream(
        [sys.executable, "-I", "-S", _ENTER],
        action=action,
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        stdin=marshal.dumps(request),
        on_line=on_line,
        seconds=sandbox.limits.seconds,
    )


def _ignore(_: str) -> None:
    return None


def _directory(scratch: Path, name: str) -> Path:
    with storage("creating the sandbox", scratch):
        (scratch / name).mkdir(exist_ok=True)
    return scratch / name


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below a directory, without following links; a directory comes before what is in it.

    What is nested too deep to be opened is left out.
    """
    left = [os.fspath(directory)]
    while left:
        try:
            with os.scandir(left.pop()) as listing:
                entries = list(listing)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            continue
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                left.append(entry.path)


def _give_away(place: Path) -> None:
    """Make the command's user the owner of everything below a directory."""
    with storage("creating the sandbox", place):
        os.chown(place, _NOBODY, _NOBODY, follow_symlinks=False)
        for entry in _entries(place):
            os.chown(entry.path, _NOBODY, _NOBODY, follow_symlinks=False)


def _make_removable(place: Path) -> None:
    """Let this user read and remove every directory that the command left."""
    with storage("reading the sandbox's files", place):
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            return
        os.chmod(place, 0o700)
        for entry in _entries(place):
            if entry.is_dir(follow_symlinks=False) and len(os.fsencode(entry.path)) < _LONGEST:
                os.chmod(entry.path, 0o700)


# -- without namespaces -----------------------------------------------------------------------------------------------


def _make_chroot(sandbox: Sandbox, scratch: Path) -> Sandbox:
    """Return a sandbox whose root is a copy of its own, with the writable directories moved into it."""
    root = scratch / "root"
    with storage("creating the sandbox", root):
        shutil.copytree(sandbox.root, root, symlinks=True)
        for name, mode in (("tmp", 0o1777), ("dev", 0o755), ("proc", 0o755), ("dev/shm", 0o1777)):
            (root / name).mkdir(exist_ok=True)
            (root / name).chmod(mode)
        for name, minor in _MINORS.items():
            os.mknod(root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            (root / "dev" / name).chmod(0o666)
        for bind in sandbox.binds:
            target = _inside(root, bind)
            target.parent.mkdir(parents=True, exist_ok=True)
            if bind.is_writable:
                os.rename(bind.source, target)
            elif bind.source.is_dir():
                if target.is_dir():
                    shutil.rmtree(target)  # a bind hides what it covers
                shutil.copytree(bind.source, target, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy(bind.source, target)
    return msgspec.structs.replace(sandbox, root=root, binds=())


def _move_back(sandbox: Sandbox, scratch: Path) -> None:
    for bind in sandbox.binds:
        target = _inside(scratch / "root", bind)
        if bind.is_writable and not bind.source.exists() and target.exists():
            with storage("reading the sandbox's files", bind.source):
                os.rename(target, bind.source)


def _inside(root: Path, bind: Bind) -> Path:
    parts = [part for part in bind.target.split("/") if part]
    if ".." in parts:
        raise BugError(
            f"the sandbox would mount {bind.source} outside its root, at {bind.target}",
            hint="this is a bug in Grocker: report it",
        )
    return root.joinpath(*parts)


def is_left(path: Path, kind: Callable[[int], bool] = stat.S_ISREG) -> bool:
    """Tell whether a sandbox left a file of that kind at ``path``, and no link out. ``kind``: a test of ``st_mode``."""
    try:
        return kind(os.lstat(path).st_mode)
    except OSError:
        return False
