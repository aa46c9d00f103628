r"""A child process that only waits for Ctrl-C. Contract: E1, E2.

The service's process group is the terminal's foreground, so the runner, which is not in it, never gets SIGINT or
SIGQUIT from Ctrl-C or Ctrl-\. How the service ends does not tell whether a key was pressed. This process joins the
group and reports the key by its exit status.
"""

from __future__ import annotations

import os

from ..base.c_modules import signal

PRESSED = 3
"""Its exit status after a key was pressed."""
_DESCRIPTORS = 1 << 20
_NUMBERS = frozenset({signal.SIGINT, signal.SIGQUIT})


def start_watcher(group: int) -> int | None:
    """Start a watcher in a process group; return its process id, or None when no process can be started.

    The caller must have blocked SIGINT and SIGQUIT. The watcher ends with the runner.
    """
    runner = os.getpid()
    try:
        watcher = os.fork()
    except OSError:
        return None
    if watcher == 0:
        try:
            os.setpgid(0, group)
            os.closerange(3, _DESCRIPTORS)  # including the service's sockets
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
