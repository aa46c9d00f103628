"""A root of this host's own programs: its Python, the libraries below it, git and a shell. Nothing that people keep."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from grocker.regex import regex
from grocker.sandbox.sandbox import Bind
from grocker.store.writing import storage

_TOP = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
"""links on most hosts, directories on others"""
_OWN = (*_TOP, "include")
"""what an interpreter needs of its prefix; in somebody's ~/.local, share holds secrets"""
_PARTS = (*_OWN, "libexec", "share")
"""of the system's prefixes; the others, such as etc, src and var, may hold what belongs to somebody"""
_PREFIXES = ("usr", "usr/local")
_SETTINGS = ("alternatives", "ld.so.cache")
"""in /etc: what leads to programs and libraries"""
_ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
}

_LOADED = regex(r"(?m)(?P<path>/\S+/(?:ld-(?:linux|musl)|libc\.|libc-|libpython3)[^/\n]*)$")


class HostPrograms(msgspec.Struct, frozen=True):
    """What of the host a sandbox shows."""

    links: Mapping[str, str]
    """targets of links at the top, by name"""
    binds: tuple[Bind, ...]

    def can_run(self, maps: str) -> bool:
        """Whether an interpreter finds its loader and libraries. ``maps``: of one that runs, see proc_pid_maps(5)."""
        shown = tuple(f"{os.path.realpath(bind.source)}/" for bind in self.binds)
        return all(match["path"].startswith(shown) for match in _LOADED.finditer(maps))

    def has_mounts_below(self, mounts: str) -> bool:
        """Whether something is mounted below what is shown. ``mounts``: of this process, see proc_pid_mountinfo(5)."""
        shown = tuple(f"{os.path.realpath(bind.source)}/" for bind in self.binds)
        return any(line.split()[4].startswith(shown) for line in mounts.splitlines())


def find_programs(prefixes: Iterable[str | Path], host: Path = Path("/")) -> HostPrograms:
    """Find the programs and libraries of ``host``, and those below ``prefixes``, where its interpreter is."""
    tops = {name: host / name for name in _TOP}
    links = {name: os.readlink(path) for name, path in tops.items() if path.is_symlink()}
    binds = [Bind(path, f"/{name}") for name, path in tops.items() if name not in links and path.is_dir()]
    binds += [Bind(host / "etc" / name, f"/etc/{name}") for name in _SETTINGS if (host / "etc" / name).exists()]
    for prefix in dict.fromkeys((*_PREFIXES, *(str(one).strip("/") for one in prefixes))):
        for part in (_PARTS if prefix in _PREFIXES else _OWN) if prefix else ():
            source, target = host / prefix / part, f"/{prefix}/{part}"
            is_shown = any(target == bind.target or target.startswith(f"{bind.target}/") for bind in binds)
            if source.is_dir() and not is_shown:
                binds.append(Bind(source, target))
    return HostPrograms(links, tuple(binds))


def make_root(programs: HostPrograms, directory: Path) -> tuple[Bind, ...]:
    """Fill a new ``directory``, the root of a sandbox that shows ``programs``; return what has to be bound into it."""
    with storage("creating the sandbox", directory):
        root, accounts = directory / "root", directory / "accounts"
        for one in (root, accounts):
            one.mkdir(parents=True)
        for name, target in programs.links.items():
            (root / name).symlink_to(target)
        for name, text in _ACCOUNTS.items():
            (accounts / name).write_text(text)
    return (*programs.binds, *(Bind(accounts / name, f"/etc/{name}") for name in _ACCOUNTS))
