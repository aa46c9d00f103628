"""Reading from a registry: manifests by name, and small blobs; everything is checked against its digest.

Source: OCI distribution specification 1.1, Pull.
"""

from __future__ import annotations

from grocker import digest as digests
from grocker.errors import CorruptError, MissingError
from grocker.oci import Document, values
from grocker.oci.reading import LARGEST, parse_root
from grocker.oci.values import Descriptor
from grocker.registry.session import RepositorySession
from grocker.registry.upload import short_digest

_ACCEPT = ", ".join(sorted(values.MANIFESTS | values.INDEXES))


def read_manifest(
    session: RepositorySession,
    name: str,
    *,
    size: int | None = None,
    action: str | None = None,
    attempts: int | None = None,
) -> Document:
    """Read the manifest or index that has a tag or digest in the repository; ``size`` in bytes, when known.

    ``action``: what this is part of, for errors. ``attempts``: in all, if not the transport's.
    Raises MissingError when there is none, CorruptError when digest or size differ, and what
    ``RepositorySession.send`` raises.
    """
    by_digest = ":" in name
    action = (
        action
        or f"reading {session.reference.name}{'@' if by_digest else ':'}{short_digest(name) if by_digest else name}"
    )
    with session.send(
        "GET",
        session.url(f"manifests/{name}"),
        action=action,
        headers={"Accept": _ACCEPT},
        accept=(200, 404),
        attempts=attempts,
    ) as response:
        if response.status == 404:
            raise MissingError(f"{action}: no such image", hint="check the name and the tag, or log in")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        said = response.headers.get("Docker-Content-Digest")
        data = response.read(LARGEST)
    found = digests.of(data)
    for announced in (name if by_digest else None, said if (said or "").startswith("sha256:") else None):
        if announced is not None and announced != found:
            raise _mismatch(session, action, f"expected {announced}, got {found}")
    if size is not None and size != len(data):
        raise _mismatch(session, action, f"expected {size} bytes, got {len(data)}")
    return parse_root(data, kind)


def read_blob(session: RepositorySession, descriptor: Descriptor) -> bytes:
    """Read a blob into memory: for small ones. Raises what ``read_manifest`` raises."""
    digest = values.digest_of(descriptor)
    action = f"reading {short_digest(digest)} from {session.reference.name}"
    with session.send("GET", session.url(f"blobs/{digest}"), action=action, accept=(200,)) as response:
        data = response.read(descriptor.size)
    if len(data) != descriptor.size or digests.of(data) != digest:
        raise _mismatch(
            session,
            action,
            f"expected {digest} of {descriptor.size} bytes, got {digests.of(data)} of {len(data)} bytes",
        )
    return data


def _mismatch(session: RepositorySession, action: str, what: str) -> CorruptError:
    return CorruptError(
        f"{action}: {what}",
        hint=f"check {session.reference.registry} and any proxy in front of it: one of them serves different content",
    )
