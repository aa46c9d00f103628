"""Mark the cache as a directory that can be recreated, so that backups and builds skip it (Cache Directory Tagging)."""

from __future__ import annotations

from pathlib import Path

NAME = "CACHEDIR.TAG"
_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# The cache of Grocker.\n"


def tag_cache(root: Path) -> None:
    """Write the tag into the cache directory ``root``, unless it is there. Raises OSError."""
    tag = root / NAME
    if not tag.exists():
        tag.write_text(_TEXT)
