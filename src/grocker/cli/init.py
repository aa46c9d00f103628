"""``grocker init``: write a project's settings from what it has."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from grocker.cli.options import FILE, QUIET, examples, with_options
from grocker.cli.options import command as declare


@declare(
    "init",
    short_help="write a project's settings",
    epilog=examples("grocker init --dry-run", "grocker init backend --dockerfile backend/Dockerfile.prod"),
)
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@click.option("--dockerfile", type=FILE, metavar="FILE", help="Dockerfile to read. Default: the project's.")
@click.option("--dry-run", is_flag=True, help="Print the settings and write nothing.")
@with_options(QUIET)
def command(**options: Any) -> None:
    """Write [tool.grocker] into pyproject.toml, or grocker.toml if there is none.

    The settings come from the code, the Procfile, the Dockerfile and the Compose file in DIRECTORY. Grocker lists what
    the Dockerfile does that settings cannot express, with the reason. It never overwrites existing settings.

    Most projects need no settings: `grocker build` finds the same services.
    """
    from grocker.cli.request import open_context
    from grocker.cli.terminal import Style, printable_output
    from grocker.draft import document
    from grocker.draft.draft import draft_settings, refuse_existing, remark_lines
    from grocker.store.writing import destination, write_whole

    directory: Path = options["directory"]
    if not options["dry_run"]:
        refuse_existing(directory)
    with open_context(os.environ, quiet=options["quiet"]) as tools:
        draft = draft_settings(tools, directory, options["dockerfile"])
    path = directory / "pyproject.toml"
    inside = path.is_file()
    text = document.render(draft, inside_project=inside)
    said: list[str] = []
    if not draft.table:
        said.append("nothing to write: no service was found; to declare one, add [tool.grocker.services.www]")
    elif options["dry_run"]:
        sys.stdout.write(printable_output(text, Style.of(sys.stdout, os.environ)))
    else:
        target = destination(path if inside else directory / "grocker.toml")
        whole = document.append(path.read_text("utf-8"), text) if inside else text
        write_whole(target, whole.encode(), temporary=target.with_name(f".{target.name}.{os.getpid()}"))
        said.append(f"{target}: wrote {', '.join(sorted(draft.table))}")
    if draft.remarks:
        said += ["without a counterpart:", *(f"  {line}" for line in remark_lines(draft.remarks))]
    if said and not options["quiet"]:
        sys.stderr.write(printable_output("\n".join(said) + "\n", Style.of(sys.stderr, os.environ)))
