"""The layer of Django's static files, as its own command collected them."""

from __future__ import annotations

from collections.abc import Iterator

from grocker.inputs.tree_entries import file_data
from grocker.resolve.collected_files import StaticFiles
from grocker.tar.entry import Entry, File


def entries(static: StaticFiles) -> Iterator[Entry]:
    """Yield the collected files at their places in the image."""
    place = static.place.removeprefix("/")
    for path in sorted(static.paths):
        yield File(path, file_data(static.tree / path.removeprefix(f"{place}/")))
