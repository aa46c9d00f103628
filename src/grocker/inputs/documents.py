"""The application's own INI settings and crontab: named in its settings, or shipped in its package."""

from __future__ import annotations

from pathlib import Path

from grocker import python
from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.runner.contract.names import BASE_SETTINGS
from grocker.tar.entry import File

BASE_CONFIG = BASE_SETTINGS.rpartition("/")[2]
CRONTAB = "crontab"
PROCFILE = "Procfile"


def read_base_config(directory: Path, settings: Settings, installed: python.Wheel) -> tuple[str | None, str]:
    """Return the INI text and its place: the file named in the settings, else the one beside an ``__init__.py``.

    Contract: C2. ``directory``: the project's. Raises SettingsError for a file that cannot be read.
    """
    if settings.base_config is not None:
        data = python.read_named_file(directory, settings.base_config, setting="base-config")
        return decode_text(data, settings.base_config), settings.base_config
    found, place = _beside_init(installed, BASE_CONFIG)
    return (decode_text(found, place) if found is not None else None), place


def read_crontab(directory: Path, settings: Settings, installed: python.Wheel) -> tuple[bytes | None, str]:
    """Return the crontab and its place: the file named in the settings, else the one beside an ``__init__.py``.

    Contract: K1. ``directory``: the project's. Raises SettingsError for a file that cannot be read.
    """
    if settings.crontab is None:
        return _beside_init(installed, CRONTAB)
    return python.read_named_file(directory, settings.crontab, setting="crontab"), settings.crontab


def read_procfile(directory: Path) -> str | None:
    """Read the project's ``Procfile``; None if there is none. Raises SettingsError for one that cannot be read."""
    if not (directory / PROCFILE).exists():
        return None
    return decode_text(python.read_named_file(directory, PROCFILE, setting=PROCFILE), PROCFILE)


def named_files(directory: Path, settings: Settings) -> tuple[Path, ...]:
    """Return the files that the functions above may read from the project, whether they are there or not."""
    names = (settings.base_config, settings.crontab, PROCFILE)
    return tuple(directory / name for name in names if name is not None)


def decode_text(data: bytes, place: str) -> str:
    """Decode a UTF-8 file. Raises SettingsError with ``place`` and line if it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{place}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def _beside_init(installed: python.Wheel, wanted: str) -> tuple[bytes | None, str]:
    """Find the file of that name in a package of the wheel, the outermost first; and its place for messages."""
    files = {e.path: e for e in installed.entries if isinstance(e, File)}
    for place in sorted(files, key=lambda p: (p.count("/"), p)):
        parent, _, name = place.rpartition("/")
        if name == wanted and f"{parent}/__init__.py" in files:
            data = files[place].data
            return data if isinstance(data, bytes) else b"".join(data.chunks()), f"{parent.rpartition('/')[2]}/{name}"
    return None, ""
