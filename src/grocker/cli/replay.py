"""A build in which nothing changed: recognised from file times alone, answered without importing anything heavy.

After a build its command line, the environment that it read and the stat of every file and directory that it
depended on are kept (``v1/steps/replay-KEY``). The same command line finds them, compares, asks the outputs whether
they still hold the image, and prints the same result. What cannot be told from a stat is decided by the real build:
this module only ever says "nothing changed" or "I do not know". Standard library only, and little of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

TYPE_CHECKING = False  # importing typing takes 5 ms
if TYPE_CHECKING:
    from grocker.builder.result import Built
    from grocker.images import Delivered
    from grocker.store import Store

FORMAT = 2
DAY = 86400
"""seconds: how long an answer of the archive and of the index counts"""
RACY = 2_000_000_000
"""nanoseconds: a file that changed this shortly before it was read may change again unseen (git, racy-git.txt)"""

_READ = ("GROCKER_", "UV_", "PIP_", "DOCKER_", "XDG_", "SSL_CERT_", "NETRC")
_READ_WHOLE = frozenset(
    {
        "HOME",
        "SOURCE_DATE_EPOCH",
        "REGISTRY_AUTH_FILE",
        "CONTAINER_HOST",
        "REQUESTS_CA_BUNDLE",
        "NO_COLOR",
        "APT_CONFIG",
        "VIRTUAL_ENV",
    }
    | {f"{p}_proxy" for p in ("http", "https", "no", "all")}
    | {f"{p}_PROXY" for p in ("HTTP", "HTTPS", "NO", "ALL")}
)

Stat = list[int]
"""size in bytes, mtime and ctime in nanoseconds, inode, mode; empty when there is nothing.

Who writes a file can set its mtime back, but not its ctime.
"""


def cache_directory(environ: Mapping[str, str]) -> str:
    """Where the store lives: $GROCKER_CACHE, else $XDG_CACHE_HOME/grocker, else ~/.cache/grocker (design, Store)."""
    named = environ.get("GROCKER_CACHE")
    if named:
        return os.path.abspath(named)
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "grocker")


def key(arguments: Iterable[str], environ: Mapping[str, str]) -> str:
    """Names what would be done: command line, working directory, the variables that a build reads, Grocker itself."""
    import hashlib

    read = sorted(f"{name}={value}" for name, value in environ.items() if name.startswith(_READ) or name in _READ_WHOLE)
    parts = [str(FORMAT), os.getcwd(), *arguments, "", *read, "", _grocker_itself()]
    return "replay-" + hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def stat(path: str) -> Stat:
    """What is compared of a file or directory."""
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode]


def snapshot(paths: Iterable[str]) -> dict[str, Stat]:
    """The stat of every path, taken before it is read."""
    return {path: stat(path) for path in paths}


def is_settled(taken: Mapping[str, Stat], now: float) -> bool:
    """Whether nothing of a snapshot was so young, at ``now`` (seconds), that a change could have gone unseen."""
    newest = now * 1_000_000_000 - RACY
    return all(not found or _changed(found) < newest for found in taken.values())


def _changed(found: Stat) -> int:
    return max(found[1], found[2])


def replay(arguments: list[str], environ: Mapping[str, str]) -> int | None:
    """The exit status of a build in which nothing changed, its result printed; None when the build must be done."""
    if not arguments or arguments[0] != "build":
        return None
    if "--push" in arguments or "--refresh" in arguments or "--help" in arguments:
        return None
    path = os.path.join(cache_directory(environ), "v1", "steps", key(arguments, environ))
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError:
        return None
    import json
    import time

    try:
        record = json.loads(data)
        if time.time() >= record["until"] or record["files"] != snapshot(record["files"]):
            return None
        if not all(_holds(output, environ) for output in record["outputs"]):
            return None
    except (ValueError, KeyError, TypeError):
        return None
    sys.stderr.write(record["stderr"])
    sys.stdout.write(record["stdout"])
    return 0


def _holds(output: list[str], environ: Mapping[str, str]) -> bool:
    """Whether an output still has what it was given: ``["file", PATH, stat…]``, ``["docker", NAME, possible Ids…]``."""
    kind = output[0]
    if kind == "file":
        return stat(output[1]) == [int(n) for n in output[2:]]
    if kind == "docker":
        from grocker.errors import GrockerError
        from grocker.images.engine import of_environment

        try:
            answer = of_environment(environ).request("GET", f"/images/{output[1]}/json", action="asking docker")
        except GrockerError:
            return False
        return answer.status == 200 and any(f'"Id":"{identity}"'.encode() in answer.body for identity in output[2:])
    return False


def remember(
    store: Store,
    arguments: Iterable[str],
    environ: Mapping[str, str],
    built: Built,
    *,
    stderr: str,
    stdout: str,
    written: Iterable[str] = (),
    began: float,
    finished: float,
) -> None:
    """Keep what a build printed and depended on; nothing when a later change could go unseen.

    ``stderr``, ``stdout``: what is printed when nothing changed. ``written``: files that must be there then as they are
    now (``--result-file``). ``began``, ``finished``: seconds since 1970.
    """
    import json

    outputs = [output for delivered in built.delivered for output in _outputs(delivered)]
    outputs += [["file", path, *map(str, stat(path))] for path in map(os.path.abspath, written)]
    files = snapshot(built.files)
    newest = max((_changed(found) for found in files.values() if found), default=0)
    if not outputs or not all(outputs) or newest >= began * 1e9 or not is_settled(files, finished):
        return
    record = {"until": began + DAY, "files": files, "outputs": outputs, "stderr": stderr, "stdout": stdout}
    store.keep("steps", key(arguments, environ), json.dumps(record).encode())


def _outputs(delivered: Delivered) -> list[list[str]]:
    """How it can be seen that an output still has the image under each name; empty when only itself can tell."""
    place = os.path.abspath(delivered.place)
    if delivered.kind == "docker":
        return [["docker", name, *delivered.identities] for name in delivered.names]
    if delivered.kind == "archive":
        return [["file", place, *map(str, stat(place))]]
    if delivered.kind == "oci":
        index = os.path.join(place, "index.json")
        return [["file", index, *map(str, stat(index))]]
    return [[]]


def _grocker_itself() -> str:
    """Changes when another Grocker is installed, or when this one is being edited."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    newest = 0
    for directory, _, names in os.walk(root):
        if directory.endswith("__pycache__"):
            continue
        for name in names:
            found = os.stat(os.path.join(directory, name))
            newest = max(newest, found.st_mtime_ns, found.st_ctime_ns)
    return f"{root} {newest}"
