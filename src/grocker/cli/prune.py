"""``grocker prune``: remove from the cache what no build has used recently."""

from __future__ import annotations

import os
import re
import sys

import click

from grocker.cli.options import command as declare
from grocker.cli.options import examples, json_option
from grocker.errors import UsageError

_DAY = 86_400
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@declare(
    "prune",
    short_help="remove from the cache what no build has used recently",
    epilog=examples("grocker prune", "grocker prune --unused-for 7", "grocker prune --keep 2G", "grocker prune --all"),
)
@click.option(
    "--unused-for",
    "days",
    type=click.IntRange(min=0),
    default=30,
    metavar="DAYS",
    help="Remove what was unused for DAYS. Default: 30.",
)
@click.option("--keep", metavar="SIZE", help="Keep at most SIZE (2G) of what was used last.")
@click.option("--all", "everything", is_flag=True, help="Remove everything.")
@click.option("--dry-run", is_flag=True, help="Show how much would be freed.")
@json_option("entries and bytes")
def command(*, days: int, keep: str | None, everything: bool, dry_run: bool, as_json: bool) -> None:
    """Remove from the cache what no build has used recently: packages, wheels, layers, other results.

    Later builds fetch or rebuild what they need. The cache is ~/.cache/grocker or $GROCKER_CACHE.
    """
    import math
    import time
    from pathlib import Path

    from grocker.cli.rendering import format_size, json_line
    from grocker.cli.replay import cache_directory
    from grocker.store import Store
    from grocker.store.prune import prune

    most = _bytes(keep) if keep is not None else None
    root = Path(cache_directory(os.environ))
    with Store.open(root) as store:
        before = math.inf if everything else time.time() - days * _DAY
        done = prune(store, before=before, keep=most, dry_run=dry_run)
    if as_json:
        click.echo(json_line({"removed": done.removed, "freed": done.freed, "kept": done.kept, "dry-run": dry_run}))
        return
    verb = "would free" if dry_run else "freed"
    sys.stderr.write(f"{root}: {verb} {format_size(done.freed)}, kept {format_size(done.kept)}\n")


def _bytes(text: str) -> int:
    """The number of bytes that ``text`` means: digits, and a unit of 1000 if any. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,12})([kMGT]?)B?", text)
    if found is None:
        raise UsageError(f"--keep: expected a size, found {text!r}", hint="use, for example, 500M or 2G")
    return int(found[1]) * _UNITS[found[2]]
