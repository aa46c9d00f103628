from __future__ import annotations

from grocker import digest as digests
from grocker.oci import Descriptor, Document, values
from grocker.oci.artifact import artifact

SUBJECT = Descriptor(values.MANIFEST, digests.of(b"image"), 5, platform=values.PlatformValue("amd64", "linux"))
SBOM = b'{"spdxVersion":"SPDX-2.3"}'


def test_artifact_has_a_literal_manifest_that_refers_to_its_subject() -> None:
    content = Document(values.describe("application/spdx+json", SBOM), SBOM)
    made = artifact(SUBJECT, "application/spdx+json", [content], annotations={"a": "b"})
    assert made.manifest.data == (
        b'{"annotations":{"a":"b"},"artifactType":"application/spdx+json","config":{"digest":'
        b'"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",'
        b'"mediaType":"application/vnd.oci.empty.v1+json","size":2},"layers":[{"digest":"'
        + digests.of(SBOM).encode()
        + b'","mediaType":"application/spdx+json","size":26}],'
        b'"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2,"subject":{"digest":"'
        + digests.of(b"image").encode()
        + b'","mediaType":"application/vnd.oci.image.manifest.v1+json","size":5}}'
    )
    assert [one.data for one in made.blobs] == [b"{}", SBOM]
    assert made.subject.platform is None
    assert made.descriptor == Descriptor(
        values.MANIFEST,
        made.manifest.digest,
        len(made.manifest.data),
        {"a": "b"},
        artifact_type="application/spdx+json",
    )
