"""Files that an image is likely to hold by mistake: what git ignores, and what is named as secrets are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker import local_file
from grocker.regex import regex
from grocker.tar.entry import Entry, File

if TYPE_CHECKING:
    from grocker.python.source_tree import SourceTree

_SECRET = regex(
    r"\.env(?:\.(?!example$|sample$|template$|dist$|test$).+)?|.+\.env|\.envrc"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|.+\.(?:key|pem|p12|pfx|jks|keystore|kdbx?|ppk|ovpn)"
    r"|.+\.sqlite3?(?:-journal|-wal|-shm)?|\.netrc|\.pgpass|\.my\.cnf|\.npmrc|\.pypirc|\.htpasswd|\.git-credentials"
    r"|(?:.+[-_.])?(?:credentials?|secrets?|service[-_]account)(?:[-_.].+)?\.(?:json|ya?ml|toml|ini|cfg|txt)",
    re.IGNORECASE,
)
_SECRET_DIRECTORY = regex(r"\.?(?:secrets?|private|credentials?|ssh|gnupg|aws|certs?|keys)", re.IGNORECASE)


class Exposed(msgspec.Struct, frozen=True):
    """Files of a wheel that are probably not meant to be in it; paths in the image."""

    ignored: tuple[str, ...]
    """git ignores their sources"""
    secret: tuple[str, ...]
    """their names are those of secrets; none of ``ignored`` is among them"""
    sources: tuple[str, ...]
    """where both come from, relative to the project; of those that are known"""


def looks_secret(path: str, data: bytes = b"") -> bool:
    """Whether the file at ``path`` is named as secrets are. ``data``: its bytes; certificates alone are no secret."""
    is_public = b"-----BEGIN CERTIFICATE-----" in data and b"PRIVATE KEY" not in data
    return _SECRET.fullmatch(path.rpartition("/")[2]) is not None and not is_public


def looks_secret_directory(name: str) -> bool:
    """Whether a directory is named as those of secrets are."""
    return _SECRET_DIRECTORY.fullmatch(name) is not None


class Suspects(msgspec.Struct, frozen=True):
    """Files of a project that are probably not meant for a wheel: their paths."""

    ignored: frozenset[str] = frozenset()
    """git ignores them"""
    secret: frozenset[str] = frozenset()
    """their names are those of secrets"""


def find_suspects(tree: SourceTree) -> Suspects:
    """Find them among the files of a project; their content is not looked at.

    What the project's configuration names, by its own name or its ending, is meant.
    """
    ignored: set[str] = set()
    secret: set[str] = set()
    for file in tree.files:
        path = file.path
        is_ignored = tree.repository is not None and tree.repository.is_ignored(path)
        is_secret = looks_secret(path)
        if not (is_ignored or is_secret) or file.target is not None or file.place:
            continue
        if not tree.named.is_meant(path) and not _is_in_named(path, tree):
            (ignored if is_ignored else secret).add(path)
    return Suspects(frozenset(ignored), frozenset(secret))


def find_exposed(entries: Iterable[Entry], tree: SourceTree | None, suspects: Suspects) -> Exposed:
    """Find them among the files of an application's wheel, which was built from ``tree`` if that is known.

    ``suspects``: what ``find_suspects`` finds in the tree.
    """
    sources: dict[tuple[str, str], str] = {}
    if tree is not None and (suspects.ignored or suspects.secret):
        for file in tree.files:
            if file.path in suspects.ignored or file.path in suspects.secret:
                sources[file.path.rpartition("/")[2], file.digest] = file.path
    names = {name for name, _ in sources}
    ignored, secret, origins = [], [], set()
    for entry in entries:
        name = entry.path.rpartition("/")[2]
        if not isinstance(entry, File) or not (name in names or looks_secret(name)):
            continue
        data = entry.data if isinstance(entry.data, bytes) else b""
        source = sources.get((name, _sha256(entry))) if name in names else None
        if source in suspects.ignored:
            ignored.append(entry.path)
        elif looks_secret(name, data) and (source or tree is None):
            secret.append(entry.path)
        else:
            continue
        if source:
            origins.add(source)
    return Exposed(tuple(ignored), tuple(secret), tuple(sorted(origins)))


def _sha256(file: File) -> str:
    hashing = hashlib.sha256()
    for chunk in (file.data,) if isinstance(file.data, bytes) else file.data.chunks():
        hashing.update(chunk)
    return hashing.hexdigest()


def _is_in_named(path: str, tree: SourceTree) -> bool:
    """Whether the configuration names a directory above that git ignores: then somebody wants what is generated."""
    parts = path.split("/")
    above = ("/".join(parts[:number]) for number in range(1, len(parts)))
    return any(
        place in tree.named.paths and tree.repository is not None and tree.repository.is_ignored(place)
        for place in above
    )


_NAMES_INDEXES = regex(
    r"(?:requirements|constraints)[\w.-]*\.(?:txt|in)|pyproject\.toml|uv\.toml|poetry\.toml|pip\.conf|Pipfile"
    r"|[\w.-]+\.lock|pylock[\w.-]*\.toml"
)
_CREDENTIALS = regex(rb"https?://[^/@\s'\"`$]+@")


def holds_credentials(path: Path | str) -> bool:
    """Whether a file that names package indexes or repositories has a user or password in an address.

    A variable in the place of the password (``${TOKEN}``) is none.
    """
    above, _, name = str(path).rpartition("/")
    if _NAMES_INDEXES.fullmatch(name) is None and above.rpartition("/")[2] != "requirements":
        return False
    try:
        return _CREDENTIALS.search(local_file.read(path)) is not None
    except OSError:
        return False  # whoever reads the file reports it
