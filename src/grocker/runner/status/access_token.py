"""The token that gives access to log lines and command lines on the status port. Contract: H4, X3."""

from __future__ import annotations

import os
from _operator import _compare_digest  # the function of hmac, without importing hashlib

from ..base.failure import CONFIGURATION, Failure, reason
from ..base.value import TYPE_CHECKING
from ..contract.names import GROCKER_STATUS_TOKEN_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 4096  # bytes


def read_token(environ: Mapping[str, str]) -> bytes | None:
    """Return the stripped content of the file that the variable names; None if it is not set.

    Raises Failure (78) when the file cannot be read, is empty, or contains no valid token.
    """
    path = environ.get(GROCKER_STATUS_TOKEN_FILE)
    if not path:
        return None
    try:
        token = _content(path).strip()
    except PermissionError:
        raise Failure(
            CONFIGURATION,
            f"{GROCKER_STATUS_TOKEN_FILE}: {path}: not readable for uid {os.getuid()}; chown it to that uid, or "
            "run chmod go+r on it",
        ) from None
    except OSError as error:
        why = f"{path}: {reason(error)}"
        raise Failure(
            CONFIGURATION,
            f"{GROCKER_STATUS_TOKEN_FILE}: {why}; mount a file with the token there, or unset the variable",
        ) from None
    if not token:
        raise Failure(
            CONFIGURATION, f"{GROCKER_STATUS_TOKEN_FILE}: {path}: empty; write the token into it, or unset the variable"
        )
    if len(token) > _LONGEST or not all(0x21 <= byte < 0x7F for byte in token):
        raise Failure(
            CONFIGURATION,
            f"{GROCKER_STATUS_TOKEN_FILE}: {path}: not a valid token; expected one word of at most {_LONGEST} "
            "ASCII characters",
        )
    return token


def _content(path: str) -> bytes:
    """Return the beginning of a file; of a pipe, what is in it, without waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.read(descriptor, _LONGEST + 1)
    finally:
        os.close(descriptor)


def is_valid(token: bytes, authorization: str) -> bool:
    """Whether an Authorization header contains the token, as Bearer (RFC 6750) or as Basic's password (RFC 7617)."""
    scheme, _, rest = authorization.partition(" ")
    given = rest.strip(" ").encode("latin-1", "replace")
    if scheme.lower() == "basic":
        from binascii import Error, a2b_base64

        try:
            given = a2b_base64(given).partition(b":")[2]
        except Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return bool(_compare_digest(token, given))
