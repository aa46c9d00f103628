"""Storage for the next build: fetched files, finished blobs, derived results by key.

``store.py`` is the room's interface; ``fetch.py`` fetches files; ``writing.py`` makes files appear whole or not at all;
``check.py`` checks a store.
"""

from grocker.store.store import Store

__all__ = ["Store"]
