"""Run Grocker, and note every millisecond what its threads are doing. Standard library only, and little of it.

Takes Grocker's own arguments. At its end, JSON goes to the file named by BENCH_SAMPLES: when the program began (seconds
since 1970), and for how many seconds it did what: ``imports``, a room of Grocker's, ``waits`` if no thread had anything
to do. A millisecond is shared among the threads that are busy.
"""

from __future__ import annotations

import _thread
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_BEGAN = time.time()
_PAUSE = 0.001
"""seconds between two looks"""
_IMPORTS = "<frozen importlib._bootstrap>"
_WAITING = frozenset(
    {
        ("bytecode.py", "_answer"),
        ("client.py", "send"),
        ("selectors.py", "select"),
        ("socket.py", "create_connection"),
        ("socket.py", "readinto"),
        ("ssl.py", "read"),
        ("subprocess.py", "_execute_child"),
        ("subprocess.py", "_try_wait"),
        ("thread.py", "_worker"),
        ("threading.py", "_wait_for_tstate_lock"),
        ("threading.py", "wait"),
    }
)
"""files and functions in which a thread waits for another, for a process or for the network"""


def main() -> None:
    """Look on until Grocker exits."""
    doing: dict[str, float] = {}
    exit_at_once = os._exit

    def finish(status: int) -> None:
        import json

        with open(os.environ["BENCH_SAMPLES"], "w") as stream:
            json.dump({"began": _BEGAN, "doing": dict(doing)}, stream)
        exit_at_once(status)

    os._exit = finish  # type: ignore[assignment]  # Grocker always ends with it
    _thread.start_new_thread(_look, (doing,))
    from grocker.cli import main as grocker

    grocker.main()


def _look(doing: dict[str, float]) -> None:
    own, last = _thread.get_ident(), time.perf_counter()
    while True:
        time.sleep(_PAUSE)
        frames, now = sys._current_frames(), time.perf_counter()
        busy = [name for thread, frame in frames.items() if thread != own and (name := _describe(frame))]
        for name in busy or ["waits"]:
            doing[name] = doing.get(name, 0.0) + (now - last) / max(1, len(busy))
        last = now


def _describe(innermost: FrameType) -> str:
    """Say what a thread does; empty if it waits."""
    code = innermost.f_code
    if (os.path.basename(code.co_filename), code.co_name) in _WAITING:
        return ""
    room = ""
    frame: FrameType | None = innermost
    while frame is not None:
        place = frame.f_code.co_filename
        if place == _IMPORTS:
            return "imports"
        rest = place.rpartition("/grocker/")[2]
        if rest != place and not room:
            room = rest.partition("/")[0].removesuffix(".py")
        frame = frame.f_back
    return room or "other"


if __name__ == "__main__":
    main()
