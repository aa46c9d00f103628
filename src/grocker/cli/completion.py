"""What a shell completes beside commands, options and files: names of images, platforms, suites, services.

Called by click while the user types: nothing is fetched or created, and whatever goes wrong completes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

    from grocker.store import Store

_Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def complete_words(words: Iterable[str]) -> _Complete:
    """Complete one of ``words``."""
    known = tuple(words)

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return complete


def complete_images(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an image in the store."""
    from grocker.errors import GrockerError
    from grocker.images.store import list_names

    try:
        with _store() as store:
            names = [name.removeprefix("docker.io/").removeprefix("library/") for name in list_names(store)]
    except (GrockerError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def complete_source(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of an image in the store, else a directory or file."""
    from click.shell_completion import CompletionItem

    names = complete_images(context, parameter, incomplete) if incomplete else []
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


def complete_arguments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete ``start`` and ``cron``, and behind ``start`` a service of an image in the store."""
    given = context.params.get("arguments") or ()
    words: Iterable[str] = ()
    if not given:
        words = ("cron", "start")
    elif tuple(given) == ("start",):
        words = _services(str(context.params.get("source", "")))
    return [word for word in words if word.startswith(incomplete)]


def _services(image: str) -> list[str]:
    from grocker.errors import GrockerError
    from grocker.images.store import load_image
    from grocker.oci import reference, values

    try:
        with _store() as store:
            document = load_image(store, reference.parse(image)).images[0].config.data
        run = values.decode(document, values.ImageConfig, what=image).config
        labels = (run.labels if run is not None else None) or {}
    except (GrockerError, OSError):
        return []
    return [name for name in labels.get("org.grocker.services", "").split(",") if name]


@contextmanager
def _store() -> Iterator[Store]:
    """Open the store, if there is one."""
    from pathlib import Path

    from grocker.cli.replay import cache_directory
    from grocker.store import Store

    place = Path(cache_directory(os.environ))
    if not place.is_dir():
        raise FileNotFoundError(place)
    with Store.open(place) as store:
        yield store
