"""The program that enters a sandbox and runs one command there: started by ``run``, never imported.

Standard input is its request, marshalled by ``run``. Standard output and error of the command are this
program's standard output; its own standard error says why the sandbox could not be entered, or, with the exit status
``TOO_MUCH`` or ``FULL``, why it was ended, and nothing else. Otherwise the exit status is the command's, 128 + N if
signal N ended it.

Three processes: *outside* waits, and watches the disk; *keeper* is process 1 of the sandbox, sets it up and ends with
the command, and the kernel then ends everything in it; *command* gives up every privilege. Without namespaces the
keeper itself ends what the command started. Sources: namespaces(7), mount(2), pivot_root(2), capabilities(7),
seccomp(2).

Longer than 400 lines because it is run by its path, isolated, and can import nothing of Grocker. It imports C modules
where the public ones that wrap them take long: each back end and command waits for it.
"""

from __future__ import annotations

import _socket
import ctypes
import errno
import fcntl
import marshal
import os
import resource
import select
import stat
import struct
import sys
import warnings  # noqa: F401 - by os.execvpe, where the files of Python are no longer there

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn
else:
    import _signal as signal

NOBODY = 65534
TOO_MUCH, FULL = 73, 74
"""exit statuses, beside something on standard error: the command wrote too much, the disk is almost full"""
NEW_MOUNT, NEW_CGROUP, NEW_UTS, NEW_IPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SETUID, NO_DEVICES, NO_EXEC, REMOUNT = 1, 2, 4, 8, 32
BIND, RECURSIVE, PRIVATE = 4096, 16384, 1 << 18
_KEPT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
"""flags of statvfs(3) → of mount(2): those that a namespace of a user may not take from a mount"""
DETACH = 2
_DEATH_SIGNAL, _NO_NEW_PRIVILEGES, _DROP_BOUNDING, _SECCOMP, _SUBREAPER = 1, 38, 24, 22, 36
_DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
"""names and minor numbers of the devices with major number 1"""
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_OWN = frozenset({"proc", "dev", "tmp", "sys"})
"""directories of the root that the sandbox has its own of"""
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""of seccomp(2)"""
_SOCKET = {"x86_64": 41, "aarch64": 198}
_QUEUE = {"x86_64": 240, "aarch64": 180}
"""mq_open(2)"""
_SYSTEM_V = {"x86_64": (29, 64, 68), "aarch64": (194, 190, 186)}
"""shmget(2), semget(2), msgget(2)"""
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_JOIN_SESSION = 1
_MOUNT_SETATTR, _AT_WORKING_DIRECTORY, _AT_RECURSIVE = 442, -100, 0x8000
_IO_URING_SETUP, _LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 425, 444, 446
_SCOPES = 3
"""of Landlock: abstract Unix sockets, signals"""
_WITH_SCOPES = 6
"""version of Landlock"""
_LOOK = 100
"""milliseconds between two looks at the disk"""
_ENTRIES = 1000
"""files that a look counts: some 8 ms, so that watching a large tree costs less than a tenth of a processor"""
_LEAST = 4096
"""bytes that each file counts, an empty one too: its inode, and its name in a directory"""

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object, what: str = "") -> None:
    """Call a function of the C library that returns -1 on failure."""
    converted = [
        ctypes.c_char_p(os.fsencode(one))
        if isinstance(one, str)
        else ctypes.c_char_p(None)
        if one is None
        else ctypes.c_long(one)
        if isinstance(one, int)
        else one
        for one in arguments
    ]
    if getattr(_libc, name)(*converted) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what or name)


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount(2)."""
    call("mount", source, target, kind, flags, options, what=f"mount {target}")


def prctl(option: int, *arguments: object) -> None:
    """Set an attribute of this process (PR_SET_...); what is not given is 0."""
    call("prctl", option, *arguments, *([0] * (4 - len(arguments))), what=f"prctl {option}")


class Places:
    """Open directories and files of the host, in the new mount namespace, where later paths may not reach them."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.root = os.open(request["root"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        above, self.name = os.path.split(request["place"])
        self.above = os.open(above, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.binds = [(os.open(source, os.O_PATH | os.O_CLOEXEC), *rest) for source, *rest in request["binds"]]
        self.devices = {name: os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC) for name in _DEVICES}


def main() -> int:
    """Enter, run, and return the exit status."""
    request = marshal.loads(sys.stdin.buffer.read())  # noqa: S302 - of Grocker's own process
    os.dup2(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), 0)
    prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != request["parent"]:
        return 1
    # Of all processes, the kernel ends those of the sandbox first when memory runs out.
    try:
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")
    except OSError:
        pass  # /proc is read-only in some containers
    isolation = request["isolation"]
    watched = [request["root"]] if isolation == "chroot" else [one[0] for one in request["binds"] if one[2]]
    disk = Disk([os.open(one, os.O_RDONLY | os.O_CLOEXEC) for one in watched], request["limits"])
    places = None
    if isolation != "chroot":
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # one is open for each bind
        _separate(request, with_user=isolation == "user namespaces")
        places = Places(request)
    alive, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        _guarded(lambda: _keep(request, places, alive) if places else _keep_chroot(request, alive))
    os.close(alive)
    polling = select.poll()
    polling.register(held, 0)  # an error is reported as soon as the keeper has closed the other end
    while not polling.poll(_LOOK):
        problem = disk.look()
        if problem:
            if places:
                os.kill(child, signal.SIGKILL)
            os.close(held)  # without namespaces, the keeper then ends the others
            os.waitpid(child, 0)
            status, reason = problem
            os.write(2, reason.encode())
            return status
    return _status(os.waitpid(child, 0)[1])


def _guarded(function: Callable[[], object]) -> NoReturn:
    """Call a function in a new process, which ends with it."""
    try:
        function()
    except OSError as error:
        _explain(error)
    os._exit(1)


def _explain(error: OSError) -> None:
    os.write(2, f"{error.filename}: {error.strerror}\n".encode())


def _is_closed(alive: int, *, milliseconds: int = 0) -> bool:
    """Whether the process outside has ended: it holds the other end of the pipe."""
    polling = select.poll()  # select() knows no descriptor above 1023, and there is one for each bind
    polling.register(alive, select.POLLIN)
    return bool(polling.poll(milliseconds))


def _status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _separate(request: dict[str, Any], *, with_user: bool) -> None:
    uid, gid = os.geteuid(), os.getegid()
    flags = NEW_MOUNT | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_PID
    if not request["network"]:
        flags |= NEW_NET
    call("unshare", flags | NEW_USER if with_user else flags)
    if with_user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as stream:
                stream.write(text)


# -- the disk ----------------------------------------------------------------------------------------------------------


class Disk:
    """What a command has written to the directories that it may write to, and what is free beside them.

    What is free is read at each look, and is certain. Files are counted some at a look, because there may be millions;
    what is in no directory any more, but still open, does not count.
    """

    def __init__(self, places: list[int], limits: dict[str, int]) -> None:
        self._places = places
        self._most = limits["written"]
        found = [os.fstatvfs(place) for place in places]
        self._least = [
            (min(limits["free"], one.f_bavail * one.f_frsize // 2), min(limits["free_files"], one.f_favail // 2))
            for one in found
        ]
        self._counting = self._count()

    def look(self) -> tuple[int, str] | None:
        """Return the exit status and the reason if a limit is reached."""
        for place, (least, least_files) in zip(self._places, self._least, strict=True):
            there = os.fstatvfs(place)
            free = there.f_bavail * there.f_frsize
            if free < least:
                return FULL, f"the disk is almost full ({free >> 20} MiB free)"
            if there.f_favail < least_files:
                return FULL, f"the disk is almost full ({there.f_favail} inodes free)"
        try:
            found = next(self._counting)
        except OSError:
            return TOO_MUCH, "it nested directories too deep"
        if found > self._most:
            return TOO_MUCH, f"it wrote more than {self._most / (1 << 30):g} GiB"
        return None

    def _count(self) -> Iterator[int]:
        """Yield how many bytes there are, at least: again and again, after some more files each time."""
        while True:
            found = number = 0
            linked = set()
            for place in self._places:
                left = ["."]
                while left:
                    for path, about in _list(place, left.pop()):
                        number += 1
                        if number % _ENTRIES == 0:
                            yield found
                        if stat.S_ISDIR(about.st_mode):
                            left.append(path)
                        elif about.st_nlink > 1:
                            if about.st_ino in linked:
                                continue
                            linked.add(about.st_ino)
                        found += max(about.st_blocks * 512, _LEAST)
            yield found


def _list(place: int, directory: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what is in a directory below an open one; what the command removes meanwhile is left out.

    Raises OSError for a path that is too long to be counted, and for any program.
    """
    try:
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise
        return
    try:
        with os.scandir(opened) as listing:
            for entry in listing:
                try:
                    yield f"{directory}/{entry.name}", entry.stat(follow_symlinks=False)
                except OSError:
                    continue
    except OSError:
        return
    finally:
        os.close(opened)


# -- the keeper, as process 1 of namespaces ---------------------------------------------------------------------------


def _keep(request: dict[str, Any], places: Places, alive: int) -> None:
    prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if _is_closed(alive):
        return  # the process outside ended before the line above
    _make_root(request, places)
    try:
        _socket.sethostname(request["hostname"])
    except PermissionError:
        pass  # podman's seccomp profile allows all the rest
    separates = request["isolation"] == "namespaces" and os.path.isdir("/proc/self")
    entered, entering = os.pipe()
    mapped, mapping = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(mapping)
        if separates:
            _enter_user_namespace(entering, mapped)
        _guarded(lambda: _become(request))
    os.close(entering)
    if os.read(entered, 1):
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{child}/{name}", "w") as stream:
                stream.write(f"{NOBODY} {NOBODY} 1")
    os.close(mapping)
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(_status(status))


def _enter_user_namespace(entering: int, mapped: int) -> None:
    """Enter a user namespace of this sandbox's own, in which its processes are counted, apart from others of nobody.

    It has one id, as in the kind for users. It is entered as root: otherwise nobody's processes would be counted
    together as well. Where the host refuses it, they are. Source: user_namespaces(7), kernel/ucount.c (Linux 5.14).
    """
    try:
        call("unshare", NEW_USER)
    except OSError:
        os.close(entering)
        return
    os.write(entering, b"1")
    os.close(entering)
    os.read(mapped, 1)


def _make_root(request: dict[str, Any], places: Places) -> None:
    """Make the sandbox's root from the places, and make it this process's."""
    _leave_chroot_and_keep_mounts_private()
    os.chdir(places.above)
    mount("tmpfs", places.name, "tmpfs", NO_SETUID | NO_DEVICES, "mode=755,size=16m")
    os.chdir(places.name)
    for name in sorted(os.listdir(places.root)):
        mode = os.stat(name, dir_fd=places.root, follow_symlinks=False).st_mode
        if name in _OWN:
            continue
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(name, dir_fd=places.root), name)
        elif stat.S_ISDIR(mode):
            os.mkdir(name)
            _bind(f"/proc/self/fd/{places.root}/{name}", name, READ_ONLY)
    for source, target, is_writable in places.binds:
        inside = target.lstrip("/")
        os.makedirs(os.path.dirname(inside) or ".", exist_ok=True)
        if stat.S_ISDIR(os.stat(source).st_mode):
            os.makedirs(inside, exist_ok=True)
        elif not os.path.lexists(inside):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        _bind(f"/proc/self/fd/{source}", inside, 0 if is_writable else READ_ONLY)
    os.mkdir("tmp")
    mount("tmpfs", "tmp", "tmpfs", NO_SETUID | NO_DEVICES, f"mode=1777,size={request['limits']['temporary']}")
    _make_devices(places)
    _make_proc()
    mount(None, ".", None, BIND | REMOUNT | READ_ONLY | NO_SETUID | NO_DEVICES)
    try:
        call("syscall", _PIVOT_ROOT[os.uname().machine], ".", ".", what="pivot_root")
        call("umount2", ".", DETACH)
    except OSError as error:
        if error.errno != errno.EINVAL or os.geteuid():  # the host's own root is a ramfs
            raise
        os.chroot(".")
    os.chdir("/")


def _leave_chroot_and_keep_mounts_private() -> None:
    try:
        mount(None, "/", None, RECURSIVE | PRIVATE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # The root is a chroot, no mount. Entering one's own mount namespace leaves it.
        space = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        call("setns", space, NEW_MOUNT)
        mount(None, "/", None, RECURSIVE | PRIVATE)


def _bind(source: str, target: str, flags: int) -> None:
    try:
        mount(source, target, None, BIND)
    except OSError as error:
        if error.errno != errno.EINVAL or not flags & READ_ONLY:
            raise
        # A user may not uncover what a mount below hides, such as a driver's libraries in /usr/lib: take it along.
        mount(source, target, None, BIND | RECURSIVE)
        settings = ctypes.create_string_buffer(struct.pack("QQQQ", flags | NO_SETUID | NO_DEVICES, 0, 0, 0), 32)
        place = (_AT_WORKING_DIRECTORY, target, _AT_RECURSIVE)
        call("syscall", _MOUNT_SETATTR, *place, settings, len(settings), what=f"mount {target}")
        return
    there = os.statvfs(target).f_flag
    kept = sum(flag for shown, flag in _KEPT.items() if there & shown)
    mount(None, target, None, BIND | REMOUNT | NO_SETUID | NO_DEVICES | kept | flags)


def _make_devices(places: Places) -> None:
    os.mkdir("dev")
    for name, source in places.devices.items():
        os.close(os.open(f"dev/{name}", os.O_CREAT | os.O_WRONLY))
        mount(f"/proc/self/fd/{source}", f"dev/{name}", None, BIND)
    for name, target in _LINKS.items():
        os.symlink(target, f"dev/{name}")
    os.mkdir("dev/shm")
    mount("tmpfs", "dev/shm", "tmpfs", NO_SETUID | NO_DEVICES | NO_EXEC, "mode=1777,size=64m")


def _make_proc() -> None:
    os.mkdir("proc")
    try:
        mount("proc", "proc", "proc", NO_SETUID | NO_DEVICES | NO_EXEC)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        return  # in a container whose own /proc is partly hidden; programs can do without
    _bind("proc/sys", "proc/sys", READ_ONLY | NO_EXEC)


# -- the keeper without namespaces ------------------------------------------------------------------------------------


def _keep_chroot(request: dict[str, Any], alive: int) -> None:
    os.setsid()  # whoever kills the group of the process outside leaves this one, which ends the others
    prctl(_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        _guarded(lambda: _enter_chroot(request))
    code = None
    while code is None:
        if _is_closed(alive, milliseconds=20):
            break  # the process outside is gone
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            code = _status(status)
    _end_descendants()
    os._exit(1 if code is None else code)


def _enter_chroot(request: dict[str, Any]) -> None:
    os.chroot(request["root"])
    os.chdir("/")
    _become(request)


def _end_descendants() -> None:
    while True:
        parents = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as stream:
                    parents[int(name)] = int(stream.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
        below = {os.getpid()}
        while more := {pid for pid, parent in parents.items() if parent in below} - below:
            below |= more
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in below - {os.getpid()}:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return


def _refuse_calls(request: dict[str, Any]) -> None:
    """Allow no sockets but those of AF_UNIX, and no IPC objects: they would be the host's. Source: seccomp(2).

    Other sockets fail as with a kernel that has no such family: programs that report to the audit system give up
    otherwise. The rest fails as with a kernel that has no such calls.
    """
    machine = os.uname().machine
    load, equal, at_least, result = 0x20, 0x15, 0x35, 0x06
    allowed, refused = 0x7FFF0000, 0x00050000
    absent = [_QUEUE[machine]]
    if not request["ipc"]:
        absent += _SYSTEM_V[machine]
    program = [
        (load, 0, 0, 4),  # the architecture of the call
        (equal, 1, 0, _ARCHITECTURE[machine]),
        (result, 0, 0, refused | errno.ENOSYS),
        (load, 0, 0, 0),  # its number
        (at_least, 0, 1, 0x40000000),  # x32
        (result, 0, 0, refused | errno.ENOSYS),
    ]
    if not request["network"]:
        absent.append(_IO_URING_SETUP)
        program += [
            (equal, 0, 4, _SOCKET[machine]),
            (load, 0, 0, 16),  # its first argument
            (equal, 1, 0, _socket.AF_UNIX),
            (result, 0, 0, refused | errno.EAFNOSUPPORT),
            (result, 0, 0, allowed),
        ]
    for number in absent:
        program += [(equal, 0, 1, number), (result, 0, 0, refused | errno.ENOSYS)]
    program.append((result, 0, 0, allowed))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filtering = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    prctl(_SECCOMP, 2, ctypes.c_void_p(ctypes.addressof(filtering)))


# -- the command -------------------------------------------------------------------------------------------------------


def _become(request: dict[str, Any]) -> None:
    """Give up every privilege, and become the command."""
    os.setsid()
    complaints = fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 3)
    os.dup2(1, 2)
    os.closerange(3, complaints)
    os.closerange(complaints + 1, 1 << 20)
    try:
        _limit(request["limits"])
        os.umask(0o022)
        for capability in range(64):
            try:
                prctl(_DROP_BOUNDING, capability)
            except OSError:
                break  # the last one of this kernel
        if request["isolation"] != "user namespaces":
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        prctl(_NO_NEW_PRIVILEGES, 1)
        _leave_session()
        if request["isolation"] == "chroot":
            _refuse_calls(request)
        os.chdir(request["directory"])
        arguments, environment = request["arguments"], request["environment"]
        if not arguments:
            os._exit(0)  # it is only tried
        try:
            os.execvpe(arguments[0], arguments, environment)  # noqa: S606 - there may be no shell
        except OSError as error:
            error.filename = arguments[0]
            raise
    except OSError as error:
        os.write(complaints, f"{error.filename}: {error.strerror}\n".encode())
        os._exit(127)


def _leave_session() -> None:
    """Give up the keys of the caller, and reach no process and no abstract socket of others, as far as the kernel can.

    The latter two need Linux 6.12. Sources: keyrings(7), landlock(7).
    """
    try:
        call("syscall", _KEYCTL[os.uname().machine], _JOIN_SESSION, 0)
    except OSError:
        pass
    if _libc.syscall(ctypes.c_long(_LANDLOCK_CREATE), None, ctypes.c_long(0), ctypes.c_long(1)) < _WITH_SCOPES:
        return
    rules = ctypes.create_string_buffer(struct.pack("QQQ", 0, 0, _SCOPES), 24)
    handle = _libc.syscall(ctypes.c_long(_LANDLOCK_CREATE), rules, ctypes.c_long(24), ctypes.c_long(0))
    call("syscall", _LANDLOCK_RESTRICT, handle, 0, what="landlock")
    os.close(handle)


def _limit(limits: dict[str, int]) -> None:
    for name, bound in (
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_NOFILE, 4096),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(name, (bound, bound))


if __name__ == "__main__":
    try:
        code = main()
    except OSError as error:
        _explain(error)
        code = 1
    sys.exit(code)
