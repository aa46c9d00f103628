"""The facts about a package that configuring an image needs: extracted once, when the .deb is read, then stored.

The generated files depend on facts alone, so an image is configured without reading packages again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from grocker.debian import control
from grocker.regex import regex
from grocker.tar.entry import Entry, File, Symlink


class Library(msgspec.Struct, frozen=True, array_like=True):
    """A file or link that ldconfig considers."""

    path: str
    """merged, below the root"""
    target: str = ""
    """the text of a link; empty for a file"""
    machine: int = 0
    wide: bool = True
    soname: str = ""


class Facts(msgspec.Struct, frozen=True):
    """The facts about a package."""

    fields: dict[str, str]
    """its control stanza"""
    paths: tuple[str, ...]
    """its files in the image: the package's own (unmerged) paths, relative to the root, sorted"""
    scripts: dict[str, str]
    """preinst and postinst; the others never run in an image"""
    conffiles: dict[str, str]
    """absolute path → MD5 of its content"""
    md5sums: str
    """the md5sums file, for the files that are in the image"""
    libraries: tuple[Library, ...]
    contents: dict[str, bytes]
    """small files that configuration reads, by merged path"""
    python: tuple[str, ...]
    """directories, merged, directly below which Python modules or packages lie: ``usr/lib/python3.13``"""

    @property
    def name(self) -> str:
        """The package's name."""
        return self.fields["Package"]

    @property
    def version(self) -> str:
        """The package's version."""
        return self.fields["Version"]

    @property
    def architecture(self) -> str:
        """The package's architecture, or ``all``."""
        return self.fields["Architecture"]


_decoder = msgspec.msgpack.Decoder(Facts)


def encode(facts: Facts) -> bytes:
    """``facts`` as bytes for the store; the same facts give the same bytes."""
    return msgspec.msgpack.encode(facts, order="deterministic")


def decode(data: bytes) -> Facts:
    """The facts that ``encode`` wrote. Raises msgspec.DecodeError for anything else."""
    return _decoder.decode(data)


_CONTENTS = regex(
    r"etc/ld\.so\.conf(?:\.d/[^/]+\.conf)?\Z"
    r"|etc/skel/[^/]+\Z"
    r"|usr/share/base-passwd/(?:passwd|group)\.master\Z"
    r"|usr/share/base-files/(?:profile|motd|dot\.[a-z]+)\Z"
    r"|usr/share/libc-bin/nsswitch\.conf\Z"
    r"|usr/share/readline/inputrc\Z"
    r"|usr/share/freetds/freetds\.conf\Z"
    r"|usr/share/nginx/html/index\.html\Z"
    r"|usr/share/debianutils/shells(?:\.d/[^/]+)?\Z"
    r"|usr/share/ca-certificates/.+\.crt\Z"
    r"|usr/lib/sysusers\.d/[^/]+\.conf\Z"
)
_LIBRARY = regex(r"(?:lib|ld-)[^/]*\.so[^/]*\Z|ld\.so\Z")
_PYTHON = regex(r"(usr/(?:local/)?lib/python3(?:\.[0-9]+)?(?:/dist-packages)?|usr/share/[^/]+)/")


def extract(
    fields: Mapping[str, str],
    control_files: Mapping[str, bytes],
    entries: Iterable[Entry],
    unmerged: Mapping[str, str],
) -> Facts:
    """The facts of a package.

    ``control_files``: the members of its control.tar by name. ``unmerged``: for each entry's path the package's own.
    Raises ValueError when a script is not UTF-8.
    """
    from grocker.debian import elf

    contents: dict[str, bytes] = {}
    libraries: list[Library] = []
    python: set[str] = set()
    files: dict[str, bytes] = {}
    for entry in entries:
        name = entry.path.rpartition("/")[2]
        if isinstance(entry, File):
            data = entry.data
            assert isinstance(data, bytes), "a package's files are held in memory"
            files[unmerged[entry.path]] = data
            if _CONTENTS.match(entry.path):
                contents[entry.path] = data
            if _LIBRARY.match(name) and (found := elf.read(data)) is not None:
                libraries.append(Library(entry.path, "", found.machine, found.wide, found.soname))
            if name.endswith(".py") and (match := _PYTHON.match(entry.path)) is not None:
                python.add(match[1])
        elif isinstance(entry, Symlink) and _LIBRARY.match(name):
            libraries.append(Library(entry.path, entry.target))
    conffiles = {}
    for line in _text(control_files, "conffiles").splitlines():
        path = line.strip()
        # `remove-on-upgrade /path` (dpkg 1.20.6) names a file that no longer exists.
        if path.startswith("/") and path[1:] in files:
            conffiles[path] = hashlib.md5(files[path[1:]], usedforsecurity=False).hexdigest()
    kept = set(unmerged.values())
    return Facts(
        fields=dict(fields),
        paths=tuple(sorted(kept)),
        scripts={name: _text(control_files, name) for name in ("preinst", "postinst") if name in control_files},
        conffiles=conffiles,
        md5sums="".join(
            line + "\n" for line in _text(control_files, "md5sums").splitlines() if line[32:].strip() in kept
        ),
        libraries=tuple(libraries),
        contents=contents,
        python=tuple(sorted(python)),
    )


def _text(control_files: Mapping[str, bytes], name: str) -> str:
    try:
        return control_files.get(name, b"").decode("utf-8")
    except UnicodeDecodeError as error:
        if name in ("preinst", "postinst"):
            return control_files[name].decode("latin-1")
        raise ValueError(f"control file {name} is not UTF-8") from error


def replaces(package: Facts, other: Facts) -> bool:
    """Whether ``package`` may take over files of ``other`` (Policy 7.6.1)."""
    return any(
        relation.name == other.name and relation.accepts(other.version)
        for group in control.relations(package.fields.get("Replaces", ""))
        for relation in group
    )
