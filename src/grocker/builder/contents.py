"""What Grocker itself puts into an image: the runner, the environment's frame, the application's own documents."""

from __future__ import annotations

import configparser
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

from grocker.errors import SettingsError
from grocker.runner import spec, texts
from grocker.tar.entry import Directory, Entry, File, Symlink

_GROCKER = "opt/grocker"
_RUNNER = f"{_GROCKER}/lib/grocker_runner"
BASE_CONFIG = "50_default_settings.ini"
CRONTAB = "crontab"


def runner_sources() -> tuple[tuple[str, bytes], ...]:
    """The runner's modules as they are installed with Grocker: name and bytes, sorted."""
    package = Path(texts.__file__).parent
    return tuple(sorted((f.relative_to(package).as_posix(), f.read_bytes()) for f in package.rglob("*.py")))


def runner_digest() -> str:
    """The digest of everything in the runner's layer, 64 hexadecimal digits."""
    state = hashlib.sha256()
    for entry in runner():
        assert isinstance(entry, File | Symlink)
        data = entry.data if isinstance(entry, File) else entry.target.encode()
        assert isinstance(data, bytes)
        state.update(f"{entry.path}\0{len(data)}\0".encode() + data)
    return state.hexdigest()


def runner() -> tuple[Entry, ...]:
    """The runner's files, without bytecode."""
    modules = tuple(File(f"{_RUNNER}/{name}", data) for name, data in runner_sources())
    programs = tuple(
        File(f"{_GROCKER}/bin/{name}", text.encode(), mode=0o755) for name, text in sorted(texts.PROGRAMS.items())
    )
    return (*modules, *programs)


def environment(python: str, lock_text: str) -> tuple[Entry, ...]:
    """The frame of the virtual environment (PEP 405) and the lock; ``python`` is the release series, ``3.13``."""
    target = f"/usr/bin/python{python}"
    return (
        File(
            "opt/venv/pyvenv.cfg",
            f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n".encode(),
        ),
        *(Symlink(f"opt/venv/bin/{name}", target) for name in ("python", f"python{python}", "python3")),
        Directory(f"opt/venv/lib/python{python}/site-packages"),
        File(f"{_GROCKER}/grocker.lock", lock_text.encode()),
    )


def application(image_json: bytes, base_config: bytes, crontab: bytes | None = None) -> tuple[Entry, ...]:
    """The documents of the application's layer, beside its wheel."""
    documents = (
        File(f"{_GROCKER}/image.json", image_json),
        File(f"{_GROCKER}/config/{BASE_CONFIG}", base_config),
    )
    return documents if crontab is None else (*documents, File(spec.CRONTAB.removeprefix("/"), crontab))


def checked_crontab(crontab: tuple[bytes | None, str], user: str, commands: Iterable[str]) -> bytes | None:
    """K1: the application's crontab, which stands at a place, once it is sure that the runner will take it.

    ``user``: the container's; ``commands``: the application's own. Raises SettingsError with place and line.
    """
    data, place = crontab
    if data is not None:
        try:
            spec.check_crontab(data, place, user, commands)
        except spec.SpecError as error:
            raise SettingsError(str(error), hint="mend the crontab; it is read as the runner will") from error
    return data


def mount_points(user: str, uid: int) -> tuple[Entry, ...]:
    """The directories that the contract promises (design, "Fixed names")."""
    return (
        Directory("config"),
        Directory("media", 0o2775, uid, 0),
        Directory("scripts", 0o2775, uid, 0),
        Directory("home"),
        Directory(f"home/{user}", 0o775, uid, 0),
    )


def base_config(override: str | None, place: str) -> bytes:
    """C2: Grocker's defaults, overridden key by key by the application's own text, which stands at ``place``.

    Raises SettingsError with the line when that text cannot be parsed.
    """
    merged = _parser()
    merged.read_string(texts.DEFAULT_SETTINGS)
    if override is not None:
        own = _parser()
        try:
            own.read_string(override.removeprefix("\ufeff"), source=place)
        except configparser.Error as error:
            message = " ".join(str(error).split())
            raise SettingsError(
                f"{place}: {message}", hint="mend the INI file; it is read as the runner will"
            ) from error
        merged.read_dict(own)
    text = io.StringIO()
    merged.write(text)
    return text.getvalue().encode()


def _parser() -> configparser.ConfigParser:
    return configparser.ConfigParser(interpolation=None)
