"""``cron``, from the crontab to the scheduler. Contract: E3, K1, K2."""

from __future__ import annotations

import os
import stat

from ..base.failure import CONFIGURATION, Failure, StopRequested, reason, warn
from ..base.value import TYPE_CHECKING
from ..contract.names import GROCKER_STOP_TIMEOUT
from ..contract.services import parse_stop_timeout
from ..contract.spec import FOREIGN_USERS
from ..prepare.preparation import prepare
from ..process.child import adopt_orphans
from ..process.signals import Interruptible, block_signals
from . import crontab_file
from .messenger import read_mail_server
from .scheduler import Scheduler, SchedulerSettings
from .zone import is_zone, load_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..contract.names import ContainerLayout
    from ..contract.spec import Spec
    from .crontab_file import CrontabEntry


def run_cron(
    image: Spec,
    layout: ContainerLayout,
    mask: set[int],
    *,
    on_start: Callable[[Scheduler], None] | None = None,
) -> int:
    """Prepare, load the crontab and run its jobs; return the container's exit status. Raises Failure: 73, 78.

    ``on_start``: called with the scheduler before the first job.
    """
    try:
        with Interruptible():
            timeout = parse_stop_timeout(os.environ.get(GROCKER_STOP_TIMEOUT))
            server = read_mail_server(os.environ)
            environ = prepare(image, os.environ, layout)
            zones = environ.get("TZDIR") or layout.zones
            users = foreign_users(image.user.name, layout.venv)
            entries = read_crontab(image.crontab, layout, users, zones)
            known = {
                name: load_zone(name or environ.get("TZ", ""), zones) for name in {entry.zone for entry in entries}
            }
    except StopRequested:
        return 0  # stopped in time
    if not entries:
        warn("cron: the crontab has no jobs")
    block_signals()
    if os.getpid() != 1:
        adopt_orphans()
    settings = SchedulerSettings(
        environ=environ,
        mask=mask,
        home=image.user.home,
        directory=image.directory,
        stop_timeout=timeout,
        application=image.name,
        mail_server=server,
        syslog=layout.syslog,
    )
    return Scheduler(entries, known, settings).run(on_start)


def foreign_users(user: str, venv: str) -> frozenset[str]:
    """Return the user names that no command starts with, except those that are commands of the application."""
    return frozenset(name for name in FOREIGN_USERS | {user} if not os.access(f"{venv}/bin/{name}", os.X_OK))


def read_crontab(
    built: str | None, layout: ContainerLayout, users: frozenset[str], zones: str
) -> tuple[CrontabEntry, ...]:
    """Return the jobs of the operator's crontab, else of the image's own. Raises Failure (78)."""
    own = f"{layout.config}/crontab"
    path: str | None = own if os.path.lexists(own) else built
    if path is None:
        raise Failure(CONFIGURATION, f"cron: this image has no crontab; mount one at {own}")
    known: dict[str, bool] = {}

    def is_known(name: str) -> bool:
        if name not in known:
            known[name] = is_zone(name, zones)
        return known[name]

    return crontab_file.parse(_content(path), path, users=users, is_zone=is_known)


def _content(path: str) -> bytes:
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
            what = "a directory" if stat.S_ISDIR(mode) else "a special file"
            raise Failure(CONFIGURATION, f"{path}: expected a crontab, found {what}")
        with open(path, "rb") as file:
            return file.read(crontab_file.LARGEST + 1)
    except PermissionError:
        raise Failure(CONFIGURATION, f"{path}: not readable for uid {os.getuid()}; run chmod go+r on it") from None
    except FileNotFoundError:
        why = "a dangling link" if os.path.islink(path) else "not found"
        raise Failure(CONFIGURATION, f"{path}: {why}") from None
    except OSError as error:
        raise Failure(CONFIGURATION, f"{path}: cannot be read: {reason(error)}") from None
