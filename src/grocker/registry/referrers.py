"""Push artifacts that refer to an image into the image's repository.

Source: OCI distribution specification 1.1, Push ("Pushing Manifests with Subject", "Referrers Tag Schema").
"""

from __future__ import annotations

from grocker.errors import MissingError
from grocker.oci import values
from grocker.oci.artifact import Artifact
from grocker.oci.image import Document
from grocker.registry import pull, upload
from grocker.registry.mount_candidates import MountCandidates
from grocker.registry.push import push_manifest
from grocker.registry.session import RepositorySession


def push_artifact(session: RepositorySession, artifact: Artifact, *, candidates: MountCandidates) -> None:
    """Push ``artifact``, and list it by a tag if the registry does not list referrers. Raises as ``push.push``."""
    cancellation = upload.Cancellation()
    for one in artifact.blobs:
        upload.push_document(session, one, "a blob of an artifact", candidates, cancellation, likely=False)
    headers = push_manifest(session, artifact.manifest, artifact.manifest.digest)
    if headers.get("OCI-Subject") is None:
        _list_by_tag(session, artifact)


def _list_by_tag(session: RepositorySession, artifact: Artifact) -> None:
    """Add the artifact to the index under its subject's tag. Simultaneous pushes may lose one; the tag has no lock."""
    tag = artifact.subject.digest.replace(":", "-")
    try:
        found = pull.read_manifest(session, tag)
        listed = values.decode(found.data, values.Index, what=f"the index {tag}").manifests
    except MissingError:
        listed = ()
    by_digest = {one.digest: one for one in (*listed, artifact.descriptor)}
    index = values.Index(
        schema_version=2, media_type=values.INDEX, manifests=tuple(by_digest[one] for one in sorted(by_digest))
    )
    data = values.encode(index)
    push_manifest(session, Document(values.describe(values.INDEX, data), data), tag)
