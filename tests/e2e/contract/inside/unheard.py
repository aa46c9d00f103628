"""The entrypoint with nobody to hear it: ``unheard.py READER ARGUMENTS…`` prints how it ended.

READER of its stdout and stderr: ``closed`` (there are none), ``gone`` (a pipe without one), ``deaf`` (one that does not
read). It is asked to stop once a process of its runs, if it did not end before.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.e2e.contract.inside.pid_one import RUNNER
from tests.e2e.contract.inside.walk import children

reader, *arguments = sys.argv[1:]
end, pipe = os.pipe()
if reader == "gone":
    os.close(end)
close = (1, 2) if reader == "closed" else ()


def prepare() -> None:
    for descriptor in close:
        os.close(descriptor)


line = [RUNNER, "run", *arguments]
with subprocess.Popen(line, stdout=pipe, stderr=pipe, preexec_fn=prepare) as process:  # noqa: PLW1509
    latest = time.monotonic() + 300
    while process.poll() is None and not children(process.pid):
        assert time.monotonic() < latest
        time.sleep(0.01)
    try:
        process.wait(0.3)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(300)
    finally:
        process.kill()
    print(process.returncode)
