"""Warns about directories of the operator's that should be writable and are not. Contract: V2, V3."""

from __future__ import annotations

import os
import stat

from ..base.failure import reason, warn
from .account import host_uid


def warn_unwritable(directory: str, *, read_only: bool) -> None:
    """Warn about a directory that cannot be searched and written, with the commands that change it.

    ``read_only``: also where its file system is mounted read-only, which may be what the operator wants.
    """
    try:
        found = os.stat(directory)
        if not stat.S_ISDIR(found.st_mode) or os.access(directory, os.W_OK | os.X_OK):
            return
        if not read_only and os.statvfs(directory).f_flag & os.ST_RDONLY:
            return
    except FileNotFoundError:
        return
    except OSError as error:  # a stale mount, such as NFS
        warn(f"{directory}: {reason(error)}; treated as empty, check how it is mounted")
        return
    uid = os.getuid()
    owner = host_uid(uid)
    mapped = f" ({owner} on the host; with podman, use --userns=keep-id:uid={uid})" if owner != uid else ""
    warn(
        f"{directory}: not writable for uid {uid}{mapped}; on the host, run sudo chown -R {owner} or "
        "chmod -R go+rwX on the directory"
    )
