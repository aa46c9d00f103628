"""What a repository already has under the names that an image will get, asked while the image is being built.

Source: OCI distribution specification 1.1, Pull.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from grocker.digest import Digest
from grocker.errors import BugError, GrockerError, MissingError
from grocker.oci import Document, Reference, values
from grocker.registry import pull
from grocker.registry.auth import Credentials
from grocker.registry.refusal import LOOK_UP_REFUSALS, LoginRefusedError
from grocker.registry.session import RepositorySession, open_session
from grocker.web import Transport


class RepositoryState(msgspec.Struct, frozen=True):
    """A repository, as it was when it was inspected."""

    session: RepositorySession
    digests: Mapping[Reference, Digest | None]
    """every name, with a tag, and the digest of the manifest or index that it refers to"""
    blobs: Mapping[Digest, int]
    """blobs of those images, with sizes in bytes: a registry takes no manifest without them"""
    is_readable: bool = True
    """False when the registry did not let this caller look, who may still push"""


def inspect_repository(
    transport: Transport, find: Callable[[], Credentials], names: Sequence[Reference]
) -> RepositoryState:
    """Ask what is there under ``names``, which are of one repository; without a tag, ``latest``.

    ``find`` is called if the registry asks for credentials. A name that the registry refuses to look up counts as
    missing. Raises LoginRefusedError (by the token server), UnavailableError (5xx, no connection), CorruptError (the
    answer does not match its digest).
    """
    if len({(name.registry, name.path) for name in names}) != 1:
        raise BugError("cannot push to several repositories at once", hint="this is a bug in Grocker: report it")
    repository = open_session(transport, names[0], find, actions="pull,push")
    digests: dict[Reference, Digest | None] = {}
    found: dict[Digest, Document] = {}
    is_readable = True
    for name in names:
        tagged = msgspec.structs.replace(name, tag=name.tag or "latest", digest=None)
        try:
            document = pull.read_manifest(repository, tagged.tag or "", action=f"pushing to {tagged}")
        except LoginRefusedError:
            raise
        except LOOK_UP_REFUSALS as error:
            digests[tagged] = None
            is_readable = is_readable and isinstance(error, MissingError)
        else:
            digests[tagged] = document.digest
            found[document.digest] = document
    return RepositoryState(repository, digests, _list_blobs(repository, list(found.values())), is_readable)


def _list_blobs(repository: RepositorySession, roots: Sequence[Document]) -> dict[Digest, int]:
    """List the blobs of the images behind manifests and indexes; empty when these cannot be read."""
    try:
        manifests = []
        for root in roots:
            if root.descriptor.media_type in values.INDEXES:
                index = values.decode(root.data, values.Index, what=f"the index {root.digest}")
                below = [one for one in index.manifests if one.media_type in values.MANIFESTS]
                manifests += [pull.read_manifest(repository, one.digest, size=one.size) for one in below]
            else:
                manifests.append(root)
        listed = [values.decode(one.data, values.Manifest, what=f"the manifest {one.digest}") for one in manifests]
        return {values.digest_of(blob): blob.size for one in listed for blob in (one.config, *one.layers)}
    except GrockerError:
        return {}
