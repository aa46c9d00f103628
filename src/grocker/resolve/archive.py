"""Debian's archive, with the tools of the running command."""

from __future__ import annotations

from datetime import UTC, datetime

from grocker import debian
from grocker.context import Context
from grocker.platforms.target import Target


def open_archive(
    context: Context, mirrors: debian.Mirrors, target: Target, *, warn_expired: bool = True
) -> debian.DebianArchive:
    """Read the signed indices of the target's suite and architecture; see :func:`grocker.debian.open_archive`."""
    return debian.open_archive(
        mirrors,
        target.suite.name,
        target.architecture,
        store=context.store,
        transport=context.transport,
        now=datetime.fromtimestamp(context.now, UTC),
        progress=context.progress,
        warn_expired=warn_expired,
    )
