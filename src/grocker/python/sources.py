"""What wheels are built from: sdists, git repositories at a commit, directories.

Sources: PyPA "Direct URL" and "Dependency specifiers" (PEP 508, 610); pip documentation, "VCS Support".
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit, urlunsplit

import msgspec

from grocker.digest import Digest, from_hex
from grocker.errors import SettingsError
from grocker.python.indexes import hide_credentials
from grocker.regex import regex

SDIST_SUFFIXES = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz")
SDIST = "sdist"
"""in a lock, the index of a wheel that was built from its sdist"""
SOURCE = "source"
"""in a lock, the index of a wheel that was built from a repository or a directory"""
PATH = "path:"
"""in a lock, what the source of a wheel begins with that was built from a directory, or is a file of this host"""
ARCHIVE = "archive+"
"""in a lock, what the source of a wheel begins with that a requirement gives the address of, or that of its sdist"""
_COMMIT = regex(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SCP = regex(r"(?P<user>[\w.-]+@)?(?P<host>[\w.-]+):(?P<path>[^/].*)")
_SCHEMES = ("https", "http", "ssh", "git", "file")


class Sdist(msgspec.Struct, frozen=True):
    """A source distribution on an index, at an address or on this host."""

    name: str
    """normalised; empty when only its metadata say it"""
    version: str
    """empty when only its metadata say it"""
    file: str
    """file name"""
    url: str
    """``file:`` for one on this host; credentials stay in memory"""
    sha256: Digest | None
    """None when nobody says it"""
    size: int | None
    """bytes; None when nobody says it"""
    required_by: str = ""
    """the distribution that requires it, when it is known"""
    is_addressed: bool = False
    """whether a requirement names its address: no index needs to have it"""
    subdirectory: str = ""


class GitSource(msgspec.Struct, frozen=True):
    """A git repository at a commit, branch or tag."""

    url: str
    """credentials stay in memory"""
    reference: str = ""
    """empty for the repository's default branch"""
    subdirectory: str = ""
    name: str = ""
    """normalised; empty when only its metadata say it"""
    version: str = ""
    required_by: str = ""

    @property
    def is_commit(self) -> bool:
        """Whether the reference is a whole commit identifier, which never means another commit."""
        return _COMMIT.fullmatch(self.reference) is not None

    @property
    def public_url(self) -> str:
        """The address without credentials; the user of ssh, who is part of the address, stays."""
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        kept = f"{user.partition(':')[0]}@" if at and parts.scheme == "ssh" else ""
        return urlunsplit(parts._replace(netloc=kept + host))

    @property
    def shown(self) -> str:
        """``git+URL@REFERENCE#subdirectory=DIR``, as pip writes it, without credentials."""
        at = f"@{self.reference}" if self.reference else ""
        fragment = f"#subdirectory={self.subdirectory}" if self.subdirectory else ""
        return f"git+{self.public_url}{at}{fragment}"


class DirectorySource(msgspec.Struct, frozen=True):
    """A project's directory on this host."""

    path: Path
    name: str = ""
    """normalised; empty when only its metadata say it"""
    version: str = ""
    required_by: str = ""


class WheelAddress(msgspec.Struct, frozen=True):
    """A wheel at an address, which is installed as it is."""

    url: str
    """credentials stay in memory"""
    name: str
    """normalised"""
    version: str = ""
    required_by: str = ""


Source = Sdist | GitSource | DirectorySource


def parse_source(text: str, *, name: str = "", base: Path | None = None) -> Source | None:
    """What to build for the address in a requirement; None for the address of a wheel.

    ``text``: ``git+https://…@REFERENCE``, the address of an sdist, ``file:`` of an sdist or a directory. ``name``: of
    the distribution, normalised, if it is known. ``base``: directory of relative paths.
    Raises SettingsError for other version control systems and malformed addresses.
    """
    scheme, plus, rest = text.partition("+")
    if plus and scheme in ("hg", "svn", "bzr"):
        raise SettingsError(
            f"resolving dependencies: {name or 'a requirement'} comes from {hide_credentials(text)}; "
            "the only supported version control system is git",
            hint="serve a wheel of it from an index, or name a git repository: git+https://…@COMMIT",
        )
    if plus and scheme == "git":
        return parse_git(rest, name=name, base=base)
    parts = _split(text)
    fragment = parse_qs(parts.fragment)
    file = unquote(parts.path).rstrip("/").rpartition("/")[2]
    if file.endswith(".whl"):
        return None
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        path = path if base is None else base / path
        if not path.name.endswith(SDIST_SUFFIXES):
            subdirectory = fragment.get("subdirectory", [""])[0]
            return DirectorySource(path / subdirectory if subdirectory else path, name=name)
    elif parts.scheme not in ("http", "https"):
        raise _malformed(text)
    if not file.endswith(SDIST_SUFFIXES):
        raise _malformed(text)
    digest = fragment.get("sha256", [""])[0]
    try:
        sha256 = from_hex(digest) if digest else None
    except ValueError as error:
        raise _malformed(text) from error
    return Sdist(
        name=name,
        version="",
        file=file,
        url=urlunsplit(parts._replace(fragment="")),
        sha256=sha256,
        size=None,
        is_addressed=True,
        subdirectory=fragment.get("subdirectory", [""])[0],
    )


def parse_git(text: str, *, name: str = "", reference: str = "", base: Path | None = None) -> GitSource:
    """A git source from the address that follows ``git+``; an ``@REFERENCE`` in it overrides ``reference``."""
    match = _SCP.fullmatch(text) if "://" not in text else None
    if match is not None:
        text = f"ssh://{match['user'] or ''}{match['host']}/{match['path']}"
    elif "://" not in text and base is not None:
        text = (base / text).absolute().as_uri()
    parts = _split(text)
    if parts.scheme not in _SCHEMES:
        raise _malformed(text)
    fragment = parse_qs(parts.fragment)
    path, at, own = parts.path.rpartition("@")
    if not at:
        path, own = parts.path, ""
    return GitSource(
        url=urlunsplit(parts._replace(path=path, fragment="", query="")),
        reference=own or reference,
        subdirectory=fragment.get("subdirectory", [""])[0].strip("/"),
        name=name,
    )


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError as error:
        raise _malformed(text) from error


def _malformed(text: str) -> SettingsError:
    return SettingsError(
        f"resolving dependencies: cannot install from {hide_credentials(text)}",
        hint="give the address of a wheel (.whl), of an sdist (.tar.gz) or of a git repository: git+https://…@COMMIT",
    )
