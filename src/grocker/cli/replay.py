"""A build in which nothing changed: recognised from file times, answered without importing anything heavy.

A build records its command line, the environment that it read and the stat of every file and directory that it
depended on (``v1/steps/replay-KEY``). The same command line finds the record, compares, asks the places of images
whether they still have theirs, and prints the same result. Whatever a stat cannot tell is left to the real build:
this module only ever says "nothing changed" or "unknown". Standard library only, and little of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

from grocker import __version__
from grocker.images.file_evidence import file_stat
from grocker.images.places import is_still_there

TYPE_CHECKING = False  # importing typing takes 5 ms
if TYPE_CHECKING:
    from grocker.builder.result import Built
    from grocker.store import Store

FORMAT = 2
DAY = 86400
"""seconds: how long an answer of the archive or the index is valid"""
RACY = 2_000_000_000
"""nanoseconds: a file that changed this shortly before it was read may change again invisibly (git, racy-git.txt)"""

_READ = (
    *("GROCKER_", "UV_", "PIP_", "DOCKER_", "XDG_", "SSL_CERT_", "NETRC"),
    *("SETUPTOOLS_SCM_PRETEND_VERSION", "VCS_VERSIONING_PRETEND_VERSION", "PDM_BUILD_SCM_VERSION", "PBR_VERSION"),
)
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


def cache_directory(environ: Mapping[str, str]) -> str:
    """The cache: $GROCKER_CACHE, else $XDG_CACHE_HOME/grocker, else ~/.cache/grocker (design, Store)."""
    named = environ.get("GROCKER_CACHE")
    if named:
        return os.path.abspath(named)
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "grocker")


def key(arguments: Iterable[str], environ: Mapping[str, str]) -> str:
    """Make the key of a build: its command line, working directory, the variables that it reads, Grocker itself."""
    import hashlib

    read = sorted(f"{name}={value}" for name, value in environ.items() if name.startswith(_READ) or name in _READ_WHOLE)
    parts = [str(FORMAT), os.getcwd(), *arguments, "", *read, "", grocker_itself()]
    return "replay-" + hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def snapshot(paths: Iterable[str]) -> dict[str, list[int]]:
    """Take the ``file_stat`` of every path."""
    return {path: file_stat(path) for path in paths}


def is_settled(taken: Mapping[str, list[int]], now: float) -> bool:
    """Whether every file of a snapshot was old enough, at ``now`` (seconds), for a later change to be visible."""
    newest = now * 1_000_000_000 - RACY
    return all(not found or _changed(found) < newest for found in taken.values())


def _changed(found: list[int]) -> int:
    return max(found[1], found[2])


def replay(arguments: list[str], environ: Mapping[str, str]) -> int | None:
    """Print the result of a build in which nothing changed and return its exit status; None when it must be built."""
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
        if time.time() >= record["until"]:
            return None
        if any(record[kind] != snapshot(record[kind]) for kind in ("files", "written")):
            return None
        if not all(is_still_there(evidence, environ) for evidence in record["evidence"]):
            return None
    except (ValueError, KeyError, TypeError):
        return None
    sys.stderr.write(record["stderr"])
    sys.stdout.write(record["stdout"])
    return 0


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
    """Record what a build printed and depended on; nothing when a later change could be invisible.

    ``stderr``, ``stdout``: what is printed when nothing changed. ``written``: files that must be there then as they are
    now (``--result-file``). ``began``, ``finished``: seconds since 1970.
    """
    import json

    if not built.delivered or not all(one.evidence for one in built.delivered):
        return
    files = snapshot(built.files)
    newest = max((_changed(found) for found in files.values() if found), default=0)
    if newest >= began * 1e9 or not is_settled(files, finished):
        return
    record = {
        "until": began + DAY,
        "files": files,
        "written": snapshot(map(os.path.abspath, written)),
        "evidence": [evidence for one in built.delivered for evidence in one.evidence],
        "stderr": stderr,
        "stdout": stdout,
    }
    store.keep("steps", key(arguments, environ), json.dumps(record).encode())


def grocker_itself() -> str:
    """Identify this Grocker: changes when another one is installed, or, run from a source tree, when it is edited."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # Written anew by whatever installs (PyPA, "Recording installed projects"): one look instead of one for each module.
    installed = file_stat(f"{os.path.dirname(root)}/grocker-{__version__}.dist-info/RECORD")
    if installed:
        return f"{root} {installed}"
    newest = 0
    for directory, _, names in os.walk(root):
        if directory.endswith("__pycache__"):
            continue
        for name in names:
            found = os.stat(os.path.join(directory, name))
            newest = max(newest, found.st_mtime_ns, found.st_ctime_ns)
    return f"{root} {newest}"
