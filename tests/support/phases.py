"""The phases of a build in this process, in a made-up world whose archive and index are served meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from grocker.config.settings import Settings
from grocker.context import Context
from grocker.debian import signers
from grocker.inputs.index import find_uv
from grocker.inputs.origin import parse_origin
from grocker.inputs.request import Request
from grocker.progress import Progress, Silent
from grocker.resolve.resolve import Resolution, resolve_platforms
from grocker.resolve.subscriber import NoSubscriber, Subscriber
from grocker.store import Store
from grocker.web import Transport
from tests.support.archive import Package
from tests.support.world import World, world


@contextmanager
def opened_world(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    progress: Progress | None = None,
    packages: Sequence[Package] = (),
) -> Iterator[tuple[World, Context]]:
    """A world below the empty directory ``place``, and a context in which builds find it.

    ``packages``: further ones of its archive.
    """
    with world(place) as made, _serve(made, packages) as mirror, Transport(environ={}) as transport:
        for suite, trusted in made.archive.signers().items():
            monkeypatch.setitem(signers.SIGNERS, suite, trusted)
        environ = {
            "HOME": str(made.place / "home"),
            "GROCKER_DEBIAN_MIRROR": mirror,
            "GROCKER_DEBIAN_SECURITY_MIRROR": mirror,
            "UV_DEFAULT_INDEX": made.index.url,
        }
        with Store.open(made.cache) as store:
            now = made.archive.date.timestamp() + 3600
            yield made, Context(store, transport, progress or Silent(), environ, now)


@contextmanager
def _serve(made: World, packages: Sequence[Package]) -> Iterator[str]:
    found = {"amd64", *(one.architecture for one in packages)} - {"all"}
    made.archive.architectures = tuple(sorted(found))
    with made.archive.add(*packages).serve() as mirror:
        yield mirror


def request(made: World, source: Path, *platforms: str) -> Request:
    """A request for what lies at ``source``."""
    return Request(origin=parse_origin(str(source), made.place), platforms=platforms or ("linux/amd64",))


def resolved(
    context: Context, wanted: Request, settings: Settings | None = None, subscriber: Subscriber | None = None
) -> Sequence[Resolution]:
    """What ``wanted`` names, resolved on each platform."""
    settings = settings or Settings()
    uv = find_uv(context, settings)
    heard = subscriber or NoSubscriber()
    return resolve_platforms(context, wanted, settings, uv, heard)
