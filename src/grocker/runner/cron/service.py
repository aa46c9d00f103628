"""From the image's crontab to the scheduler. Contract: E3, K1, K2."""

from __future__ import annotations

import os
import stat

from ..base.failure import CONFIGURATION, Asked, Failure, reason, warn
from ..base.value import TYPE_CHECKING
from ..contract.services import stop_timeout
from ..contract.spec import USERS_OF_OTHERS
from ..prepare.preparation import prepare
from ..process.child import adopt_orphans
from ..process.signals import Interruptible, hold
from . import crontab_file
from .messenger import mail_server
from .scheduler import Scheduler, Settings
from .zone import exists, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..contract.paths import Places
    from ..contract.spec import Spec
    from .crontab_file import Entry


def serve(
    image: Spec,
    places: Places,
    mask: set[int],
    *,
    on_start: Callable[[Scheduler], None] | None = None,
) -> int:
    """Prepares, loads the crontab, schedules; the container's exit status. Raises Failure: 73, 78.

    ``on_start``: given the scheduler before the first job.
    """
    try:
        with Interruptible():
            timeout = stop_timeout(os.environ.get("GROCKER_STOP_TIMEOUT"))
            server = mail_server(os.environ)
            environ = prepare(image, os.environ, places)
            zones = environ.get("TZDIR") or places.zones
            entries = read(image.crontab, places, users(image.user.name, places.venv), zones)
            known = {name: load(name or environ.get("TZ", ""), zones) for name in {entry.zone for entry in entries}}
    except Asked:
        return 0  # asked to stop, and stopped in time
    if not entries:
        warn("cron: the crontab has no jobs")
    hold()
    if os.getpid() != 1:
        adopt_orphans()
    settings = Settings(
        environ=environ,
        mask=mask,
        home=image.user.home,
        stop_timeout=timeout,
        application=image.name,
        mail_server=server,
    )
    return Scheduler(entries, known, settings).run(on_start)


def users(user: str, venv: str) -> frozenset[str]:
    """The names that a command does not begin with: those of users, save where the application has such a command."""
    return frozenset(name for name in USERS_OF_OTHERS | {user} if not os.access(f"{venv}/bin/{name}", os.X_OK))


def read(built: str | None, places: Places, names: frozenset[str], zones: str) -> tuple[Entry, ...]:
    """The jobs of ``/config/crontab``, else of the image's own. Raises Failure (78)."""
    own = f"{places.config}/crontab"
    path: str | None = own if os.path.lexists(own) else built
    if path is None:
        raise Failure(CONFIGURATION, f"cron: this image has no crontab: mount one at {own}")
    known: dict[str, bool] = {}

    def is_zone(name: str) -> bool:
        if name not in known:
            known[name] = exists(name, zones)
        return known[name]

    return crontab_file.parse(_content(path), path, users=names, is_zone=is_zone)


def _content(path: str) -> bytes:
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
            what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
            raise Failure(CONFIGURATION, f"{path}: {what}, where a crontab should be")
        with open(path, "rb") as file:
            return file.read(crontab_file.LARGEST + 1)
    except PermissionError:
        raise Failure(CONFIGURATION, f"{path}: not readable for uid {os.getuid()}: chmod go+r it") from None
    except FileNotFoundError:
        why = "a link to nothing" if os.path.islink(path) else "not there"
        raise Failure(CONFIGURATION, f"{path}: {why}") from None
    except OSError as error:
        raise Failure(CONFIGURATION, f"{path}: cannot be read: {reason(error)}") from None
