"""Processes of a Procfile that listen on a Unix socket, where a platform's nginx expects them. Contract: P1.

Sources: gunicorn, "Settings" (bind, config; an option of the command line wins over the configuration file).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from grocker.progress import Progress
from grocker.regex import regex
from grocker.runner.contract import names

_PORT = "0.0.0.0:$PORT"
_PROCESS = regex(r"^(?P<name>[A-Za-z0-9_-]+)\s*:.*?\bgunicorn(?:\.app\.wsgiapp)?(?=\s)(?P<options>.*)$", re.M)
_OPTION = regex(r"(?<=\s)(?:-b|--bind)[ =]?(?P<place>\S+)")
_CONFIG = regex(r"(?<=\s)(?:-c|--config)[ =]?(?P<file>\S+)")
_BIND = regex(r"^bind\s*=\s*[\"']unix:", re.M)
_DEFAULT = "gunicorn.conf.py"


def listen_on_port(procfile: str, read: Callable[[str], str | None], progress: Progress) -> str:
    """Return the Procfile's text with gunicorn on ``$PORT`` instead of a Unix socket, and warn of each such process.

    ``read``: returns the text of a file of the project, None if there is none.
    """

    def changed(match: re.Match[str]) -> str:
        line, options = match[0], match["options"]
        start = match.start("options") - match.start()
        bound = _OPTION.search(options)
        if bound is not None:
            if not bound["place"].strip("\"'").startswith("unix:"):
                return line
            options = options[: bound.start("place")] + _PORT + options[bound.end("place") :]
        else:
            config = _CONFIG.search(options)
            name = config["file"].strip("\"'").removeprefix("file:").removeprefix("./") if config else _DEFAULT
            if not _BIND.search(read(name) or ""):
                return line
            options = f" --bind {_PORT}{options}"
        progress.warn(
            f"Procfile: {match['name']} would listen on a Unix socket;"
            f" it listens on port {names.APPLICATION_PORT} instead",
            hint=f"to keep the socket, set command in [tool.grocker.services.{match['name']}]",
        )
        return line[:start] + options

    return _PROCESS.sub(changed, procfile)
