"""Where the files of packages are in an image, and which of them are left out.

Source: the Filesystem Hierarchy Standard 3.0; Debian Policy 9.1 and 12; wiki.debian.org/UsrMerge.
"""

from __future__ import annotations

MERGED = ("bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin")
"""Directories of the root that are links into ``usr``, on every Debian since bookworm."""

_LEFT_OUT = tuple(
    f"usr/share/{name}/" for name in ("man", "info", "lintian", "bug", "doc-base", "linda", "menu", "reportbug")
)


def merge_usr(path: str) -> str:
    """``path`` below the root as in an image: ``bin``, ``lib`` and their like in ``usr``, ``run`` for ``var/run``."""
    first, _, rest = path.partition("/")
    if first in MERGED:
        return "usr/" + path
    if first == "var":
        second, slash, rest = rest.partition("/")
        if second in ("run", "lock"):
            return ("run" if second == "run" else "run/lock") + slash + rest
    return path


def is_left_out(path: str) -> bool:
    """Whether the file or directory ``path`` (merged) is left out of images.

    Left out are manual pages, documentation except copyright files, bug report scripts, menus and translations.
    """
    if not path.startswith("usr/share/"):
        return False
    if (path + "/").startswith(_LEFT_OUT):
        return True
    parts = path.split("/")
    if parts[2] == "locale":
        return len(parts) > 3 and parts[3] != "locale.alias"
    if parts[2] == "doc" and len(parts) > 4:
        return parts[4:] != ["copyright"]
    return False
