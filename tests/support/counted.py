"""What a command does that no other process changes: the modules that it imports, the programs and files that it uses.

``python -m tests.support.counted REPORT AHEAD MODULE ARGUMENT…`` calls ``main`` of a module with these arguments, by a
clock that is AHEAD seconds ahead, and writes what ``Counted`` reads to REPORT when it ends. Until then it imports next
to nothing, and nothing that is counted.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> None:
    """Run the module of the command line."""
    report, ahead, module = sys.argv[1:4]
    del sys.argv[1:4]
    if float(ahead):
        _set_clock(float(ahead))
    before = set(sys.modules)
    opened: list[str] = []
    started: list[str] = []
    listed: list[str] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            opened.append(arguments[0])
        elif event in ("os.listdir", "os.scandir"):
            listed.append(str(arguments[0]))
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            started.append(str(arguments[0]).rpartition("/")[2])
        elif event == "os.fork":
            started.append("fork")
        elif event == "socket.connect":
            started.append("connection")

    leave = os._exit

    def end(status: int) -> NoReturn:
        files, directories = list(opened), list(listed)
        modules = {name: getattr(value, "__file__", "") for name, value in sys.modules.items() if name not in before}
        import json

        with open(report, "w") as stream:
            json.dump({"modules": modules, "started": started, "opened": files, "listed": directories}, stream)
        leave(status)

    os._exit = end
    sys.addaudithook(watch)
    __import__(module)
    sys.modules[module].main()


def _set_clock(ahead: float) -> None:
    import time

    now = time.time
    time.time = lambda: now() + ahead


if __name__ == "__main__":
    main()
