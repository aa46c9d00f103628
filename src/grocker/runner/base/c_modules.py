"""``signal``, ``socket``, ``deque`` and ``heapq`` from the C modules that the public ones wrap.

The public modules turn their constants into enumerations at import, which takes half as long as starting Python. What
they add is missing here: names of signals, and a socket's ``accept``, ``makefile`` and ``with``.
"""

from __future__ import annotations

import _heapq as heapq
import _socket as socket

from .value import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections import deque
else:
    import _signal as signal
    from _collections import deque

__all__ = ["deque", "heapq", "signal", "socket"]
