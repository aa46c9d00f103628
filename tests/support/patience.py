"""How long a test waits for what must come."""

from __future__ import annotations

# Seconds. Only what hangs uses them up: beside the other tests of a busy machine, an application's first answer has
# taken more than a minute. A limit that a test is about stands in the test.
PATIENCE = 300.0
