r"""A process that only waits for Ctrl-C.

The service is the terminal's foreground process group (E2), so the runner, outside of it, never sees Ctrl-C or Ctrl-\,
and what the service makes of them does not tell whether it was asked to stop (E1). This one is in the group too.
"""

from __future__ import annotations

import os

from ..base.c_modules import signal

PRESSED = 3
"""Its exit status once a key was pressed."""
_DESCRIPTORS = 1 << 20
_NUMBERS = frozenset({signal.SIGINT, signal.SIGQUIT})


def watch(group: int) -> int | None:
    """Puts one into process group ``group``; its process id, or None when no process can be started.

    The caller has blocked the two signals. It ends with the runner.
    """
    runner = os.getpid()
    try:
        watcher = os.fork()
    except OSError:
        return None
    if watcher == 0:
        try:
            os.setpgid(0, group)
            os.closerange(3, _DESCRIPTORS)  # the service's sockets among them
            signal.pthread_sigmask(signal.SIG_SETMASK, _NUMBERS)
            while os.getppid() == runner:
                if signal.sigtimedwait(_NUMBERS, 1.0) is not None:
                    os._exit(PRESSED)
        finally:
            os._exit(0)
    try:
        os.setpgid(watcher, group)
    except OSError:
        pass  # it did so itself
    return watcher
