"""``signal``, ``socket``, ``deque`` and ``heapq`` from the modules in C that the public ones wrap.

The public ones make enumerations of their numbers, which takes half as long as Python's start. What they add is not
here: a signal's name, a socket's ``accept``, ``makefile`` and ``with``.
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
