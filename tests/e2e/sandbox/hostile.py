"""The build back end of hostile sdists: it tries every way out of the sandbox, and its wheel says what came of each.

It becomes ``hostile.py`` in each sdist, beside ``host.json``, which tells it more than an attacker would know. It needs
nothing but Python's standard library, and gcc for the sdist that has to be compiled.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import glob
import hashlib
import json
import mmap
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

COMPILED, PURE, TOOL = "made-up-hostile", "made-up-pure", "made-up-tool"
"""sdists: one that has to be compiled, one that has not, and a build requirement of the latter"""
REPORT = "hostile_report_{}.json"
"""a member of the wheel of the distribution with that name"""
SETUID = "hostile_setuid_{}.sh"
"""a member of the wheel with the mode of a setuid program"""
REFUSED, ABSENT, OFFLINE = "refused", "not there", "no network"
_NETWORK = {errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH}
_ABSENT = {errno.ENOENT, errno.ENXIO, errno.ESRCH, errno.ENOTDIR, errno.EBADF, errno.ENODEV, errno.ENOKEY}
_NEW_MOUNT, _NEW_USER = 0x00020000, 0x10000000
_REMOUNT, _BIND, _DETACH = 32, 4096, 2
_SEIZE, _DETACH_TRACE = 0x4206, 17
_SESSION, _SEARCH, _READ = -3, 10, 11
"""of keyctl(2)"""
_NUMBERS = {"x86_64": {"keyctl": 250, "add_key": 248}, "aarch64": {"keyctl": 219, "add_key": 217}}
_SOURCE = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hostile_module", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_hostile_module(void) { return PyModule_Create(&module); }
"""
_QUESTION = b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04leak\x00\x00\x01\x00\x01"
"""of DNS, for an address: RFC 1035"""
_libc = ctypes.CDLL(None, use_errno=True)
NEEDS_SCOPES = frozenset(
    {
        "connect to an abstract Unix socket of this machine",
        "trace processes of others",
        "send signals to processes of others",
    }
)
"""what a sandbox without namespaces keeps in from Linux 6.12 on"""
Way = Callable[[dict[str, Any]], str]
WAYS: dict[str, Way] = {}
"""by what it is: a function that returns what it got, or raises an OSError, ``AbsentError`` or ``BoundedError``"""


class AbsentError(Exception):
    """What it looks for is not there."""


class BoundedError(Exception):
    """It got something that is its own, or a part, and ends with it: this says what."""


def _way(title: str) -> Callable[[Way], Way]:
    def add(function: Way) -> Way:
        WAYS[title] = function
        return function

    return add


def _call(name: str, *arguments: Any) -> int:
    found: int = getattr(_libc, name)(*arguments)
    if found == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return found


def _first(*attempts: Callable[[], object]) -> str:
    """What the first attempt that succeeds gives; raise what the last one raises."""
    failure: Exception = AbsentError()
    for attempt in attempts:
        try:
            return repr(attempt())[:200]
        except (OSError, AbsentError) as error:
            failure = error
    raise failure


def build_wheel(directory: str, settings: object = None, metadata: object = None) -> str:
    """Write a wheel with the report, and a module in C if that is expected, into ``directory``."""
    name = Path("PKG-INFO").read_text().partition("Name: ")[2].split()[0]
    if name == COMPILED and os.environ.get("CC") == "/bin/false":
        sys.exit("gcc failed: there is no compiler in the first try")
    host = json.loads(Path("host.json").read_text())
    report = {title: _outcome(way, host) for title, way in WAYS.items()}
    return _write_wheel(Path(directory), name, report)


def _outcome(way: Way, host: dict[str, Any]) -> tuple[str, str]:
    """What came of a way: ``out``, or a word or phrase that says why not; and the details."""
    try:
        return "out", way(host)
    except AbsentError as error:
        return ABSENT, str(error)
    except BoundedError as error:
        return str(error), ""
    except OSError as error:
        if error.errno in _NETWORK:
            return OFFLINE, str(error)
        return ABSENT if error.errno in _ABSENT else REFUSED, str(error)


def _write_wheel(directory: Path, name: str, report: dict[str, tuple[str, str]]) -> str:
    stem, tag = name.replace("-", "_"), "py3-none-any"
    files = [
        (REPORT.format(name), stat.S_IFREG | 0o644, json.dumps(report).encode()),
        (SETUID.format(name), stat.S_IFREG | 0o6755, b"#!/bin/sh\nid\n"),
    ]
    for path in glob.glob("/env/lib/python3*/site-packages/" + REPORT.format("*")):
        files.append((os.path.basename(path), stat.S_IFREG | 0o644, Path(path).read_bytes()))
    if name == COMPILED:
        release = f"{sys.version_info.major}{sys.version_info.minor}"
        tag = f"cp{release}-cp{release}-linux_{os.uname().machine}"
        files.append(("hostile_module.so", stat.S_IFREG | 0o755, _compile()))
    info = f"{stem}-1.0.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    is_pure = str(name != COMPILED).lower()
    kind = f"Wheel-Version: 1.0\nRoot-Is-Purelib: {is_pure}\nTag: {tag}\n".encode()
    files += [(f"{info}/METADATA", stat.S_IFREG | 0o644, about), (f"{info}/WHEEL", stat.S_IFREG | 0o644, kind)]
    record = ""
    with zipfile.ZipFile(directory / f"{stem}-1.0-{tag}.whl", "w") as archive:
        for path, mode, data in files:
            hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={hashed},{len(data)}\n"
            _add(archive, path, mode, data)
        _add(archive, f"{info}/RECORD", stat.S_IFREG | 0o644, f"{record}{info}/RECORD,,\n".encode())
    return f"{stem}-1.0-{tag}.whl"


def _compile() -> bytes:
    Path("hostile_module.c").write_text(_SOURCE)
    include = f"-I/usr/include/python{sys.version_info.major}.{sys.version_info.minor}"
    command = ["gcc", "-shared", "-fPIC", include, "hostile_module.c", "-o", "hostile_module.so"]
    subprocess.run(command, check=True)
    return Path("hostile_module.so").read_bytes()


def _add(archive: zipfile.ZipFile, path: str, mode: int, data: bytes) -> None:
    about = zipfile.ZipInfo(path)
    about.create_system, about.external_attr = 3, mode << 16
    archive.writestr(about, data)


# -- files of the host ------------------------------------------------------------------------------------------------


@_way("read a file in the home of whoever builds")
def _read_home(host: dict[str, Any]) -> str:
    return Path(host["home file"]).read_text()


@_way("read the project that is built, and those beside it")
def _read_project(host: dict[str, Any]) -> str:
    return _first(lambda: os.listdir(host["project"]), lambda: os.listdir(Path(host["project"]).parent))


@_way("read or write what the cache keeps for other projects")
def _read_store(host: dict[str, Any]) -> str:
    return _first(
        lambda: Path(host["store"], "steps", host["mark"]).write_text("x"),
        lambda: os.listdir(Path(host["store"], "downloads")),
    )


@_way("write to uv's cache")
def _write_uv(host: dict[str, Any]) -> str:
    return _first(lambda: Path(host["uv"], host["mark"]).write_text("x"), lambda: os.mkdir(f"{host['uv']}/x"))


@_way("leave through a directory that is open")
def _leave_through_descriptor(_: dict[str, Any]) -> str:
    for number in range(3, 4096):
        with suppress(OSError):
            if stat.S_ISDIR(os.fstat(number).st_mode):
                return repr(os.listdir(number))
    raise AbsentError("no directory is open")


@_way("change its root again, and climb out of it")
def _change_root(_: dict[str, Any]) -> str:
    os.chroot("/build")
    return "chroot"


# -- secrets ----------------------------------------------------------------------------------------------------------


@_way("find a secret in its environment")
def _read_environment(_: dict[str, Any]) -> str:
    if "SECRET" in os.environ:
        return os.environ["SECRET"]
    raise AbsentError("no such variable")


@_way("read the environment of other processes")
def _read_environments(_: dict[str, Any]) -> str:
    for path in glob.glob("/proc/[0-9]*/environ"):
        with suppress(OSError):
            if b"SECRET=" in Path(path).read_bytes():
                return path
    raise AbsentError("no process has it")


@_way("read the keys of the caller's session")
def _read_keys(_: dict[str, Any]) -> str:
    numbers = _NUMBERS[os.uname().machine]
    keyctl = ctypes.c_long(numbers["keyctl"])
    key = _call("syscall", keyctl, ctypes.c_long(_SEARCH), ctypes.c_long(_SESSION), b"user", b"grocker-secret", 0)
    data = ctypes.create_string_buffer(64)
    _call("syscall", keyctl, ctypes.c_long(_READ), ctypes.c_long(key), data, ctypes.c_long(64))
    return data.value.decode()


@_way("type into the caller's terminal")
def _type(_: dict[str, Any]) -> str:
    with open("/dev/tty", "w") as stream:
        return f"opened {stream.name}"


# -- the network ------------------------------------------------------------------------------------------------------


@_way("connect to a TCP port of this machine")
def _connect(host: dict[str, Any]) -> str:
    with socket.create_connection(("127.0.0.1", host["tcp"]), 5) as connection:
        return f"connected to {connection.getpeername()}"


@_way("ask a name server")
def _ask(host: dict[str, Any]) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(
            b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04leak\x00\x00\x01\x00\x01", tuple(host["udp"])
        )
    return "sent"


@_way("open a raw socket")
def _open_raw(_: dict[str, Any]) -> str:
    return _first(
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    )


@_way("connect to an abstract Unix socket of this machine")
def _connect_abstract(host: dict[str, Any]) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + host["abstract"])
    return "connected"


@_way("connect to a Unix socket in a directory of this machine")
def _connect_path(host: dict[str, Any]) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(host["socket"])
    return "connected"


# -- other processes --------------------------------------------------------------------------------------------------


@_way("look into process 1 through `/proc`")
def _enter_first(_: dict[str, Any]) -> str:
    return _first(
        lambda: os.listdir("/proc/1/root/"),
        lambda: os.readlink("/proc/1/cwd"),
        lambda: open("/proc/1/mem", "rb"),
        lambda: Path("/proc/1/environ").read_bytes(),
    )


@_way("trace processes of others")
def _trace(host: dict[str, Any]) -> str:
    def seize(process: int) -> int:
        _call("ptrace", ctypes.c_long(_SEIZE), ctypes.c_long(process), None, None)
        _libc.ptrace(ctypes.c_long(_DETACH_TRACE), ctypes.c_long(process), None, None)
        return process

    others = [one for one in (1, os.getppid(), *host["victims"]) if one]
    return _first(*((lambda one=one: seize(one)) for one in others))


@_way("send signals to processes of others")
def _kill(host: dict[str, Any]) -> str:
    return _first(*((lambda one=one: os.kill(one, signal.SIGTERM)) for one in host["victims"]))


@_way("read memory that others share (System V)")
def _read_shared(host: dict[str, Any]) -> str:
    return f"segment {_call('shmget', host['shared'], 0, 0)}"


@_way("leave shared memory behind (System V)")
def _leave_shared(host: dict[str, Any]) -> str:
    _call("shmget", host["left"], 4096, 0o1666)
    raise BoundedError("its own, ends with the build")


@_way("leave a daemon behind")
def _leave_daemon(host: dict[str, Any]) -> str:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.execv("/usr/bin/sleep", [host["mark"], "600"])
        os._exit(0)
    os.wait()
    raise BoundedError("ends with the build")


# -- the kernel -------------------------------------------------------------------------------------------------------


@_way("set parameters of the kernel in `/proc/sys`")
def _set_parameters(_: dict[str, Any]) -> str:
    names = ("sys/kernel/core_pattern", "sys/kernel/hostname", "sysrq-trigger")
    return _first(*((lambda name=name: open(f"/proc/{name}", "w")) for name in names))


@_way("leave its control group by name")
def _leave_group(_: dict[str, Any]) -> str:
    def mount() -> str:
        os.makedirs("/tmp/cgroup", exist_ok=True)
        _call("mount", b"cgroup2", b"/tmp/cgroup", b"cgroup2", 0, None)
        return "mounted"

    return _first(
        mount,
        lambda: os.mkdir("/sys/fs/cgroup/grocker-hostile"),
        lambda: open("/sys/fs/cgroup/cgroup.procs", "w"),
        lambda: open("/sys/kernel/uevent_helper", "w"),
    )


@_way("mount a file system")
def _mount(_: dict[str, Any]) -> str:
    os.makedirs("/tmp/mounted", exist_ok=True)
    return f"mount {_call('mount', b'tmpfs', b'/tmp/mounted', b'tmpfs', 0, None)}"


@_way("make the root writable in a user namespace of its own")
def _nest(host: dict[str, Any]) -> str:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _call("unshare", _NEW_USER | _NEW_MOUNT)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text("0 65534 1")
            found = _first(
                lambda: (_call("mount", None, b"/usr", None, _REMOUNT | _BIND, None), _plant(host)),
                lambda: (_call("umount2", b"/usr", _DETACH), os.listdir("/usr")),
                lambda: _plant(host),
            )
            os.write(write, b"0" + found.encode())
        except OSError as error:
            os.write(write, f"{error.errno}".encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    answer = os.read(read, 4096).decode()
    if answer.startswith("0"):
        return answer[1:]
    raise OSError(int(answer), os.strerror(int(answer)))


@_way("make a device")
def _make_device(_: dict[str, Any]) -> str:
    os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
    with open("/tmp/disk", "rb") as stream:
        return f"opened {stream.name}"


@_way("become root")
def _become_root(_: dict[str, Any]) -> str:
    return _first(lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]))


# -- what other builds use --------------------------------------------------------------------------------------------


def _plant(host: dict[str, Any]) -> int:
    return Path("/usr/include", host["mark"]).write_text("#error planted\n")


@_way("add a header to the root that builds share")
def _add_header(host: dict[str, Any]) -> str:
    return f"wrote {_plant(host)}"


def _shared_program() -> str:
    """The compiler, if there is one, else the interpreter."""
    return os.path.realpath(shutil.which("gcc", path="/usr/bin") or sys.executable)


@_way("change a program in the root that builds share")
def _change_program(_: dict[str, Any]) -> str:
    program = _shared_program()
    return _first(
        lambda: os.chmod(program, 0o4777),
        lambda: os.utime(program, (1, 1)),
        lambda: os.unlink(program),
        lambda: os.rename(program, f"{program}.old"),
        lambda: open(program, "r+b"),
    )


@_way("change it through a hard link")
def _change_through_link(_: dict[str, Any]) -> str:
    def link(place: str) -> str:
        path = f"{place}/linked"
        os.link(_shared_program(), path)
        with open(path, "r+b"):
            return path

    return _first(lambda: link("/build/tmp"), lambda: link("/tmp"), lambda: link("/usr/bin"))


@_way("change the build environment that builds share")
def _change_environment(host: dict[str, Any]) -> str:
    [library] = glob.glob("/env/lib/python3*") or ["/env"]
    return _first(
        lambda: Path(library, f"{host['mark']}.pth").write_text("import os"),
        lambda: Path("/env/pyvenv.cfg").write_text("x"),
        lambda: os.rename("/env/bin", "/env/old"),
    )


# -- what it leaves, and how much -------------------------------------------------------------------------------------


@_way("leave a setuid program behind")
def _leave_setuid(host: dict[str, Any]) -> str:
    for place in ("/build", "/build/wheel", "/build/home"):
        path = f"{place}/{host['mark']}"
        shutil.copy("/usr/bin/env", path)
        os.chmod(path, 0o6755)
    raise BoundedError("its own, ends with the build")


@_way("leave a link to a file of this machine in place of a wheel")
def _leave_link(host: dict[str, Any]) -> str:
    os.symlink(host["home file"], "/build/wheel/made_up_linked-1.0-py3-none-any.whl")
    raise BoundedError("not followed")


@_way("lift its limits")
def _lift_limits(_: dict[str, Any]) -> str:
    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError as error:  # so does Python say EPERM
        raise PermissionError(errno.EPERM, str(error)) from error
    return "lifted"


@_way("fork without end")
def _fork(_: dict[str, Any]) -> str:
    children: list[int] = []
    try:
        while len(children) < 2000:
            child = os.fork()
            if child == 0:
                time.sleep(600)
                os._exit(0)
            children.append(child)
    except BlockingIOError as error:
        raise BoundedError("1024 processes") from error
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
    return f"{len(children)} processes"


@_way("take all memory")
def _take_memory(_: dict[str, Any]) -> str:
    try:
        mmap.mmap(-1, 17 << 30).close()
    except OSError as error:
        raise BoundedError("16 GiB of addresses") from error
    return "17 GiB"


@_way("fill `/tmp` with one file")
def _fill_temporary(_: dict[str, Any]) -> str:
    try:
        with open("/tmp/large", "wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, 2 << 30)
            os.ftruncate(stream.fileno(), 9 << 30)
    except OSError as error:
        raise BoundedError("1 GiB" if error.errno == errno.ENOSPC else "8 GiB") from error
    finally:
        os.unlink("/tmp/large")
    return "9 GiB"


@_way("fill the disk with one file")
def _fill_disk(_: dict[str, Any]) -> str:
    try:
        with open("/build/tmp/large", "wb") as stream:
            os.ftruncate(stream.fileno(), 9 << 30)
    except OSError as error:
        raise BoundedError("8 GiB") from error
    finally:
        os.unlink("/build/tmp/large")
    return "9 GiB"
