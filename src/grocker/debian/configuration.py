"""The effects of maintainer scripts, produced statically: facts of packages → entries. Pure.

The same facts give the same entries. Directories are included only where their mode or owner matters, or where they
are empty; the layer adds all other parents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from grocker.debian.facts import Facts, Library
from grocker.debian.ownership import GROUPS
from grocker.debian.paths import merge_usr
from grocker.platforms.architectures import ARCHITECTURES
from grocker.tar.entry import Directory, Entry, File, Symlink

if TYPE_CHECKING:
    from grocker.debian.scripts import UnreviewedScript


class StaticConfiguration(msgspec.Struct, frozen=True):
    """The files generated for a set of packages."""

    entries: tuple[Entry, ...]
    """sorted by path, each path once"""
    uncovered: tuple[UnreviewedScript, ...]
    """maintainer scripts that nobody has reviewed: shown as a warning, or as an error with ``--strict``"""


_COPIES: tuple[tuple[str, str, int], ...] = (
    ("usr/share/base-files/profile", "etc/profile", 0o644),
    ("usr/share/base-files/motd", "etc/motd", 0o644),
    ("usr/share/base-files/dot.profile", "root/.profile", 0o644),
    ("usr/share/base-files/dot.bashrc", "root/.bashrc", 0o644),
    ("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf", 0o644),
    ("usr/share/readline/inputrc", "etc/inputrc", 0o644),
    ("usr/share/freetds/freetds.conf", "etc/freetds/freetds.conf", 0o644),
    ("usr/share/nginx/html/index.html", "var/www/html/index.nginx-debian.html", 0o644),
)
"""What the postinst of base-files, libc-bin, readline-common, freetds-common, nginx-common copies: from, to, mode."""

_FILES: Mapping[str, Entry] = MappingProxyType(
    {
        "nginx-common": Symlink("etc/nginx/sites-enabled/default", "/etc/nginx/sites-available/default"),
        "unixodbc-common": File("etc/odbcinst.ini", b""),
        "xfonts-utils": File(
            "var/lib/xfonts/excluded-aliases", b"!! Excluded alias files to be ignored by update-fonts-alias(8)\n"
        ),
    }
)
"""What the postinst of a package writes, whatever else is installed: by its name."""

_FONTS = ("10-hinting-slight.conf", "70-no-bitmaps.conf", "70-no-bitmaps-except-emoji.conf")
"""What fontconfig-config's postinst enables with debconf's defaults."""

_DIRECTORIES: tuple[Directory, ...] = (
    *(Directory(path) for path in ("dev", "etc/opt", "mnt", "opt", "proc", "run", "srv", "sys", "var/opt")),
    Directory("root", 0o700),
    Directory("tmp", 0o1777),
    Directory("var/tmp", 0o1777),
    Directory("run/lock", 0o1777),
    Directory("var/mail", 0o2775, 0, GROUPS["mail"]),
    *(Directory(f"usr/local/{name}") for name in ("bin", "etc", "games", "include", "lib", "sbin", "share", "src")),
)
"""What base-files' postinst creates, and mount points of engines."""

_LINKS: tuple[Symlink, ...] = (
    Symlink("bin", "usr/bin"),
    Symlink("lib", "usr/lib"),
    Symlink("sbin", "usr/sbin"),
    Symlink("var/run", "/run"),
    Symlink("var/lock", "/run/lock"),
    Symlink("var/spool/mail", "../mail"),
)


def configure(
    facts: Iterable[Facts],
    *,
    user: str = "blue",
    uid: int = 1000,
    home: str | None = None,
) -> StaticConfiguration:
    """Return everything that is generated for an image of these packages.

    ``user``, ``uid``: who the application runs as; the group is 0. ``home``: absolute, ``/home/USER`` by default.
    Raises SettingsError when the user collides with one of Debian's, CorruptError when a package's data is malformed.
    """
    # Imported here because a build that only changes the application loads this module, but configures nothing.
    from grocker.debian import accounts, alternatives, certificates, dpkg, scripts

    packages = sorted(facts, key=lambda f: (f.name, f.architecture))
    contents = {path: data for package in packages for path, data in package.contents.items()}
    present = frozenset(merge_usr(path) for package in packages for path in package.paths)
    home = home or f"/home/{user}"
    links = [
        *_LINKS,
        *(Symlink(name, f"usr/{name}") for name in ("lib32", "lib64", "libx32") if f"usr/{name}" in present),
    ]
    chosen = alternatives.entries(packages, present)
    made: list[Entry] = [
        *_DIRECTORIES,
        *links,
        *(File(target, contents[source], mode) for source, target, mode in _COPIES if source in contents),
        *accounts.entries(contents, accounts.ImageUser(user, uid, home)),
        *_home(contents, home, uid),
        *_shells(contents),
        *_zone(present),
        *chosen,
        *_libraries(packages, contents, chosen),
        *certificates.entries(contents),
        *dpkg.entries(packages),
        *_network(present),
        *_origin(present),
        *_fonts(present),
        *(_FILES[package.name] for package in packages if package.name in _FILES),
        *_local(present),
    ]
    # A package's own file wins: each postinst copies a default only where there is none.
    by_path = {entry.path: entry for entry in made if entry.path not in present or isinstance(entry, Directory)}
    return StaticConfiguration(tuple(by_path[path] for path in sorted(by_path)), scripts.find_unreviewed(packages))


def _home(contents: Mapping[str, bytes], home: str, uid: int) -> list[Entry]:
    path = home.strip("/")
    skeleton = sorted(source for source in contents if source.startswith("etc/skel/"))
    return [
        Directory(path, 0o775, uid, 0),
        *(File(f"{path}/{source.rpartition('/')[2]}", contents[source], 0o664, uid, 0) for source in skeleton),
    ]


def _shells(contents: Mapping[str, bytes]) -> list[Entry]:
    """``/etc/shells`` as update-shells(8) of debianutils writes it."""
    template = "usr/share/debianutils/shells"
    if template not in contents:
        return []
    lines = contents[template].decode().splitlines()
    found = dict.fromkeys(line for line in lines if line and not line.startswith("#"))
    for source in (template, *sorted(path for path in contents if path.startswith(template + ".d/"))):
        for line in contents[source].decode().splitlines():
            shell = line.partition("#")[0].strip()
            if shell:
                found[shell] = None
                found["/" + merge_usr(shell.lstrip("/"))] = None
    comments = [line for line in lines if line.startswith("#")]
    return [File("etc/shells", "".join(line + "\n" for line in (*comments, *found)).encode())]


def _zone(present: frozenset[str]) -> list[Entry]:
    if "usr/share/zoneinfo/Etc/UTC" not in present:
        return []
    return [Symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC"), File("etc/timezone", b"Etc/UTC\n")]


def _local(present: frozenset[str]) -> list[Entry]:
    """The places for what is added later, which ca-certificates, libpam-modules and fontconfig-config create."""
    found: list[Entry] = []
    if "usr/sbin/update-ca-certificates" in present:
        found.append(Directory("usr/local/share/ca-certificates"))
    if "etc/security/limits.conf" in present:
        found.append(File("etc/security/opasswd", b"", 0o600))
    if "usr/share/fontconfig/conf.avail" in present:
        found.append(Directory("usr/local/share/fonts"))
    return found


def _fonts(present: frozenset[str]) -> list[Entry]:
    available = "usr/share/fontconfig/conf.avail"
    found = [name for name in _FONTS if f"{available}/{name}" in present]
    if "70-no-bitmaps-except-emoji.conf" in found and "70-no-bitmaps.conf" in found:
        found.remove("70-no-bitmaps.conf")
    return [Symlink(f"etc/fonts/conf.d/{name}", f"/{available}/{name}") for name in found]


def _origin(present: frozenset[str]) -> list[Entry]:
    return [Symlink("etc/dpkg/origins/default", "debian")] if "etc/dpkg/origins/debian" in present else []


def _libraries(packages: list[Facts], contents: Mapping[str, bytes], chosen: Iterable[Entry]) -> list[Entry]:
    from grocker.debian import ldcache

    architecture = next((p.architecture for p in packages if p.architecture != "all"), "")
    found = [library for package in packages for library in package.libraries]
    found += [Library(entry.path, entry.target) for entry in chosen if isinstance(entry, Symlink)]
    known = ARCHITECTURES.get(architecture)
    scan = ldcache.scan(found, ldcache.directories(contents, known.triplet if known else architecture))
    if not scan.entries:
        return []
    return [
        File("etc/ld.so.cache", ldcache.encode(scan.entries)),
        *(Symlink(path, target) for path, target in sorted(scan.links.items())),
    ]


def _network(present: frozenset[str]) -> list[Entry]:
    """The files that netbase's postinst writes; engines mount their own ``/etc/hosts`` over this one."""
    if "etc/protocols" not in present:
        return []
    hosts = "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\n"
    return [
        File("etc/hosts", (hosts + "ff02::2\t\tip6-allrouters\n").encode()),
        File("etc/networks", b"default\t\t0.0.0.0\nloopback\t127.0.0.0\nlink-local\t169.254.0.0\n\n"),
    ]
