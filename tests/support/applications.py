"""Applications that are made up: their files, and what starts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from grocker import digest
from grocker.config.services import Services
from grocker.inputs.application import Application
from grocker.python import Wheel
from grocker.python.metadata import EntryPoint, Metadata
from grocker.runner.contract.spec import Service
from grocker.tar.entry import Entry

ROOT = "opt/app"


def make_code(entries: Iterable[Entry], entry_points: Sequence[EntryPoint] = ()) -> Wheel:
    """Return the code of ``shop`` with its modules in ``ROOT``."""
    return Wheel(
        file="shop",
        name="shop",
        version="1",
        site=ROOT,
        pure=True,
        metadata=Metadata("shop", "1"),
        entry_points=tuple(entry_points),
        entries=tuple(entries),
    )


def make_application(
    entries: Sequence[Entry],
    *,
    tree: bool = True,
    services: Mapping[str, Service] = MappingProxyType({}),
    entry_points: Sequence[EntryPoint] = (),
    settings: str | None = None,
) -> Application:
    """Return the application ``shop`` with its modules in ``ROOT``. ``settings``: Django's module of them."""
    installed = make_code(entries, entry_points)
    return Application(
        wheel=digest.of(b""),
        file=None,
        installed=installed,
        extras=(),
        build=(),
        services=Services(services, any_service=False, source=""),
        django_settings_module=settings,
        base_config=(None, ""),
        crontab=(None, ""),
        files=(),
        project=None,
        roots=(ROOT,) if tree else (),
        directory=f"/{ROOT}" if tree else None,
    )
