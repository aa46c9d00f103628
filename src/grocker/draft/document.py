"""Write a draft as TOML, or add it to ``pyproject.toml``, whose text stays as it is."""

from __future__ import annotations

from grocker.decoding import decode_toml
from grocker.draft.values import Draft
from grocker.errors import SettingsError


def render(draft: Draft, *, inside_project: bool) -> str:
    """Return the settings as TOML. ``inside_project``: as ``[tool.grocker]``, for ``pyproject.toml``."""
    import tomli_w

    table = {"tool": {"grocker": dict(draft.table)}} if inside_project else dict(draft.table)
    sources = f" from {', '.join(draft.sources)}" if draft.sources else ""
    return f"# Drafted by grocker init{sources}.\n{tomli_w.dumps(table)}"


def append(text: str, addition: str) -> str:
    """Return the text of ``pyproject.toml`` with the settings at its end. Raises SettingsError if that is not TOML."""
    whole = f"{text.rstrip()}\n\n{addition}" if text.strip() else addition
    try:
        decode_toml(whole)
    except ValueError as error:
        raise SettingsError(
            f"pyproject.toml cannot take [tool.grocker] at its end: {error}",
            hint="write what `grocker init --dry-run` prints into grocker.toml, without `tool.grocker.`",
        ) from error
    return whole
