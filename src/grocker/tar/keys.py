"""Cache keys: a digest of everything that a kept result depends on."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from grocker import __version__
from grocker.tar.member import LAYOUT, LEVEL, PART


def cache_key(*identity: Any) -> str:
    """Return the key of a result with that identity, 64 hexadecimal digits.

    The version of Grocker is part of it: results of another version are never trusted.
    """
    document = msgspec.json.encode([__version__, LAYOUT, LEVEL, PART, *identity], order="deterministic")
    return hashlib.sha256(document).hexdigest()
