"""The layer of the application: its wheel, and the documents that the runner reads."""

from __future__ import annotations

from collections.abc import Sequence

from grocker.plan.documents import Documents
from grocker.runner.contract import names
from grocker.tar.entry import Entry, File


def entries(installed: Sequence[Entry], documents: Documents) -> tuple[Entry, ...]:
    """Return the files; ``installed``: those of the application's wheel."""
    own = (
        *installed,
        File(names.IMAGE_JSON.removeprefix("/"), documents.image_json),
        File(names.BASE_SETTINGS.removeprefix("/"), documents.settings_ini),
    )
    return own if documents.crontab is None else (*own, File(names.CRONTAB.removeprefix("/"), documents.crontab))
