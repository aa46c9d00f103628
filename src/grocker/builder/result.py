"""The result of a build."""

from __future__ import annotations

import msgspec

from grocker.digest import Digest
from grocker.images import Delivered
from grocker.images.sink import delivered_digest
from grocker.inputs.writable import WritablePath
from grocker.oci import Image, Layer, Reference, index


class BuiltLayer(msgspec.Struct, frozen=True):
    """A layer of the result."""

    name: str
    digest: Digest
    size: int
    """bytes, compressed"""
    is_new: bool
    """whether this build made it"""


class BuiltImage(msgspec.Struct, frozen=True):
    """The result on one platform."""

    image: Image
    layers: tuple[BuiltLayer, ...]
    uncovered: tuple[tuple[str, str, str], ...]
    """maintainer scripts that were not done statically: package, script, reason"""
    composed: tuple[Layer, ...] = ()
    """its layers as they were composed, which those of the image are made from if they are compressed otherwise"""
    omitted: tuple[tuple[str, str], ...] = ()
    """packages whose maintainer scripts run only on hosts with a sandbox, and what the image lacks without them"""


class Built(msgspec.Struct, frozen=True):
    """What was built and delivered."""

    images: tuple[BuiltImage, ...]
    """one for each platform, in the order of the request"""
    names: tuple[Reference, ...]
    services: tuple[str, ...]
    commands: tuple[str, ...]
    """the application's own console scripts"""
    delivered: tuple[Delivered, ...]
    files: tuple[str, ...]
    """every file and directory of the host that the result depends on and that may change"""
    writable: tuple[WritablePath, ...] = ()
    """the application's, which lead into the user files"""
    brought: dict[str, str] = {}
    """Debian packages that what is installed needs where it runs, each with the reason, for people"""
    web: tuple[str, ...] = ()
    """which services are known to serve HTTP"""
    has_crontab: bool = False
    """whether the application has a crontab of its own"""
    is_project: bool = True
    """whether it was built from a project's directory"""
    release: str | None = None
    """the shell command that a Procfile wants run before the services start"""

    @property
    def digest(self) -> Digest:
        """The digest by which a registry knows it: of one image's manifest, or of an index, if there is one."""
        return delivered_digest(self.delivered, index.root([one.image for one in self.images]).digest)

    @property
    def image(self) -> Image:
        """The image of the first platform."""
        return self.images[0].image
