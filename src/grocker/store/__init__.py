"""What builds leave for the next one: files as fetched, finished blobs, derived results by key.

``store.py`` is the room's face; ``fetch.py`` brings files in from elsewhere; ``writing.py`` makes files appear whole or
not at all; ``check.py`` proves a store clean.
"""

from grocker.store.store import Store

__all__ = ["Store"]
