"""Compile the application's message catalogs that have no ``.mo``, as Django's ``compilemessages`` does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from grocker.context import Context
from grocker.regex import regex
from grocker.tar.entry import Entry, File
from grocker.tar.keys import cache_key

FORMAT = 1
"""goes into step keys: raised when the same catalog would give another file"""
_CATALOG = regex(r".+/LC_MESSAGES/[^/]+\.po")


def compile_catalogs(context: Context, entries: Sequence[Entry]) -> Iterator[File]:
    """Yield the compiled form of each ``LC_MESSAGES/NAME.po`` without a ``NAME.mo``; a malformed one is a warning."""
    taken = {entry.path for entry in entries}
    for entry in entries:
        place = f"{entry.path.removesuffix('.po')}.mo"
        if isinstance(entry, File) and _CATALOG.fullmatch(entry.path) and place not in taken:
            data = entry.data if isinstance(entry.data, bytes) else b"".join(entry.data.chunks())
            compiled = _compile(context, entry.path, data)
            if compiled is not None:
                yield File(place, compiled)


def _compile(context: Context, path: str, data: bytes) -> bytes | None:
    key = cache_key("message catalog", FORMAT, hashlib.sha256(data).hexdigest())
    kept = context.store.kept_as("steps", key, bytes)
    if kept is not None:
        return kept
    from grocker.python.message_catalog import CatalogError, compile_catalog

    try:
        compiled = compile_catalog(data)
    except CatalogError as error:
        context.progress.warn(
            f"the messages in {path} are not compiled: {error}", hint="find the mistake with: msgfmt --check FILE.po"
        )
        return None
    context.store.keep("steps", key, msgspec.json.encode(compiled))
    return compiled
