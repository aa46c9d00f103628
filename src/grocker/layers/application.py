"""The layer of the application: its wheel, and the documents that the runner reads."""

from __future__ import annotations

from collections.abc import Sequence

from grocker.inputs.documents import BASE_CONFIG
from grocker.plan.documents import Documents
from grocker.runner.contract import spec
from grocker.tar.entry import Entry, File


def entries(installed: Sequence[Entry], documents: Documents) -> tuple[Entry, ...]:
    """Return the files; ``installed``: those of the application's wheel."""
    own = (
        *installed,
        File("opt/grocker/image.json", documents.image_json),
        File(f"opt/grocker/config/{BASE_CONFIG}", documents.settings_ini),
    )
    return own if documents.crontab is None else (*own, File(spec.CRONTAB.removeprefix("/"), documents.crontab))
