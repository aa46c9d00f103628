"""The errors that Grocker raises on purpose.

The exit statuses are those of sysexits(3); the command line maps an error to its ``status`` and prints
``message`` and ``hint``. Nothing else prints or exits.

    GrockerError
    ├── UsageError          64  the command line is wrong
    ├── CorruptError        65  input that is corrupt or forged: hash, signature, archive, document
    ├── MissingError        66  a source, release, suite, package or file that does not exist
    ├── UnavailableError    69  unreachable: archive, index, registry, engine; a locked file is gone
    ├── BugError            70  our bug
    ├── CannotWriteError    73  an output or the cache cannot be written
    ├── StorageError        74  input/output failed, disk full
    ├── TryAgainError       75  the other side asks to come back later
    ├── DeniedError         77  credentials missing or refused, permission denied
    └── SettingsError       78  settings or lock: malformed, contradictory, stale, missing
"""

from __future__ import annotations

from typing import ClassVar


class GrockerError(Exception):
    """Base of the tree.

    ``message``: one line: what failed, where, with what; never a credential.
    ``hint``: what to do next, one line, or None when the message says it all.
    """

    status: ClassVar[int] = 70
    meaning: ClassVar[str] = "our bug"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GrockerError):
    """The command line is wrong."""

    status = 64
    meaning = "the command line is wrong"


class CorruptError(GrockerError):
    """Input is corrupt or forged: a hash, a signature, an archive or a document does not hold."""

    status = 65
    meaning = "input is corrupt or forged"


class MissingError(GrockerError):
    """A source, release, suite, package or file does not exist."""

    status = 66
    meaning = "a source, release, suite, package or file does not exist"


class UnavailableError(GrockerError):
    """Something is unreachable: archive, index, registry, engine; or a locked file is gone."""

    status = 69
    meaning = "an archive, index, registry or engine is unreachable, or a locked file is gone"


class BugError(GrockerError):
    """Our bug: a state that Grocker's own code must never reach."""

    status = 70
    meaning = "a bug in Grocker"


class CannotWriteError(GrockerError):
    """An output or the cache cannot be written."""

    status = 73
    meaning = "an output or the cache cannot be written"


class StorageError(GrockerError):
    """Input or output failed, the disk is full."""

    status = 74
    meaning = "input or output failed, or a disk is full"


class TryAgainError(GrockerError):
    """The other side asks to come back later."""

    status = 75
    meaning = "the other side asks to try again later"


class DeniedError(GrockerError):
    """Credentials are missing or refused, or a permission is."""

    status = 77
    meaning = "credentials or permissions were refused"


class SettingsError(GrockerError):
    """Settings or lock are malformed, contradictory, stale or missing."""

    status = 78
    meaning = "settings or the lock are malformed, stale or missing"
