"""Settings of uv's by which nobody wants a standalone interpreter (uv documentation, "Python versions").

Apart from the module that fetches them: each build asks this, few the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from grocker.python.indexes import project_tables

_REFUSALS = (
    ("UV_PYTHON_PREFERENCE", frozenset({"only-system"})),
    ("UV_NO_MANAGED_PYTHON", frozenset({"1", "true", "yes", "on"})),
    ("UV_PYTHON_DOWNLOADS", frozenset({"never"})),
)


def is_refused(environ: Mapping[str, str], directory: Path | None = None) -> str:
    """Return the setting of uv's by which no standalone interpreters are wanted; empty if they are.

    ``environ``: the caller's; ``directory``: the project's, whose ``[tool.uv]`` counts.
    """
    for name, refusing in _REFUSALS:
        if environ.get(name, "").lower() in refusing:
            return f"{name}={environ[name]}"
    if "UV_PYTHON_PREFERENCE" in environ or directory is None:
        return ""
    preference = next((one["python-preference"] for one in project_tables(directory) if "python-preference" in one), "")
    return "python-preference in [tool.uv]" if preference == "only-system" else ""
