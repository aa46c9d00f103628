"""The OCI image specification as values: references, descriptors, manifests, configurations, and their JSON encoding.

Pure: nothing here opens a file or a socket. Bytes come through the seam ``Blobs``.
"""

from __future__ import annotations

from grocker.oci.blobs import Blobs
from grocker.oci.image import Document, Image, Layer, image, layer
from grocker.oci.platforms import Platform
from grocker.oci.reference import Reference
from grocker.oci.values import Descriptor, RunConfig

__all__ = ["Blobs", "Descriptor", "Document", "Image", "Layer", "Platform", "Reference", "RunConfig", "image", "layer"]
