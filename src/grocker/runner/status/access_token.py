"""The token that opens log lines and command lines on 8081. Contract: H4, X3."""

from __future__ import annotations

import os
from _operator import _compare_digest  # hmac's own, without hashlib

from ..base.failure import CONFIGURATION, Failure, reason
from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "GROCKER_STATUS_TOKEN_FILE"
_LONGEST = 4096  # bytes


def read(environ: Mapping[str, str]) -> bytes | None:
    """The content of the file that the variable names, without blanks around it; None without the variable.

    Raises Failure (78) when it cannot be read, is empty, or is no token.
    """
    path = environ.get(VARIABLE)
    if not path:
        return None
    try:
        token = _content(path).strip()
    except PermissionError:
        raise Failure(
            CONFIGURATION,
            f"{VARIABLE}: {path}: not readable for uid {os.getuid()}: chown it to that uid, or chmod go+r it",
        ) from None
    except OSError as error:
        why = f"{path}: {reason(error)}"
        raise Failure(
            CONFIGURATION, f"{VARIABLE}: {why}: mount a file with the token there, or leave the variable out"
        ) from None
    if not token:
        raise Failure(CONFIGURATION, f"{VARIABLE}: {path}: empty: write the token into it, or leave the variable out")
    if len(token) > _LONGEST or not all(0x21 <= byte < 0x7F for byte in token):
        raise Failure(
            CONFIGURATION,
            f"{VARIABLE}: {path}: not a token: one word of at most {_LONGEST} ASCII characters, no blanks",
        )
    return token


def _content(path: str) -> bytes:
    """The beginning of a file; of a pipe what is in it, without waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.read(descriptor, _LONGEST + 1)
    finally:
        os.close(descriptor)


def fits(token: bytes, authorization: str) -> bool:
    """Whether an Authorization field holds the token, as Bearer (RFC 6750) or as Basic's password (RFC 7617)."""
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
