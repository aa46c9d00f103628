"""What of a log is shown when a service does not get ready."""

from __future__ import annotations

import pytest

from grocker.deploy.service_check import end_of_log

TRACEBACK = """\
starting
Traceback (most recent call last):
  File "/opt/app/shop.py", line 1, in <module>
    import os
KeyError: 'SECRET_KEY'
grocker: www: given up
"""


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        (TRACEBACK, "  " + "\n  ".join(TRACEBACK.splitlines()[2:5])),
        (TRACEBACK.replace("KeyError", "OSError") + TRACEBACK, "  " + "\n  ".join(TRACEBACK.splitlines()[2:5])),
        (
            TRACEBACK.replace("    import", "[1] [INFO] Booting worker\nINFO: up\n    import"),
            "  " + "\n  ".join(TRACEBACK.splitlines()[2:5]),
        ),
        ("Traceback (most recent call last):\n  a\nshop.error\nb\n", "    a\n  shop.error"),
        ("Traceback (most recent call last):\n  a\n127.0.0.1:5555 - GET /\nOSError\n", "    a\n  OSError"),
        (
            "Traceback (most recent call last):\n  a\nshop.make.<locals>.Error: boom\nShutdown: done\n",
            "    a\n  shop.make.<locals>.Error: boom",
        ),
        ("Traceback (most recent call last):\n  a\nstopped\nb\n", "    a\n  stopped"),
        ("Traceback (most recent call last):\n  a\n", "    a"),
        ("a\n\nb\n", "  a\n  b"),
        ("\n".join(map(str, range(20))), "\n".join(f"  {number}" for number in range(12, 20))),
        ("Traceback (most recent call last):\n", "  no output"),
        ("", "  no output"),
    ],
)
def test_log_is_cut_to_the_end_of_its_last_traceback(log: str, shown: str) -> None:
    assert end_of_log(log) == shown
