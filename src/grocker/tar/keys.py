"""Cache keys: a digest of everything that a kept result depends on."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from grocker import __version__
from grocker.tar.member import LEVEL, PART

REVISION = 10
"""Raised with each change of what a build makes from the same inputs: builds of a development version share a store.

Golden digests in the tests show when it has to change.
"""


def cache_key(*identity: Any) -> str:
    """Return the key of a result with that identity, 64 hexadecimal digits.

    The version of Grocker and ``REVISION`` are part of it: results of another one are never trusted.
    """
    document = msgspec.json.encode([__version__, REVISION, LEVEL, PART, *identity], order="deterministic")
    return hashlib.sha256(document).hexdigest()
