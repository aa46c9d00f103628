"""What a build is asked for, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from grocker.digest import Digest
from grocker.images import Delivered, Sink
from grocker.inputs.origin import Origin
from grocker.lock.values import Lock
from grocker.oci import Image, Reference, index

EPOCH = 315532800
"""seconds: 1980-01-01, the earliest time that zip archives know (design, "Variables")"""


class Request(msgspec.Struct, frozen=True):
    """What is built, and for whom."""

    origin: Origin
    settings: Path | None = None
    """a settings file that the command line names"""
    tags: tuple[str, ...] = ()
    """names of the image; empty for NAME:VERSION"""
    sinks: Sequence[Sink] = ()
    platforms: tuple[str, ...] = ("linux/amd64",)
    suite: str | None = None
    """Debian's suite, when the command line names one"""
    epoch: int = EPOCH
    """seconds since 1970"""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    """added to the image's own"""
    strict: bool = False
    """a maintainer script that is neither inert nor covered is an error"""
    refresh: bool = False
    """resolve again, whatever is kept"""
    lock: Lock | None = None
    """used where it fits"""
    constraints: tuple[str, ...] = ()
    """PEP 508: versions that the index's answer has to keep to"""
    locked: bool = False
    """a lock that does not fit, or none, is an error"""


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

    @property
    def digest(self) -> Digest:
        """What a registry calls it: the manifest's of one image, the index's of several."""
        return index.root([one.image for one in self.images]).digest

    @property
    def image(self) -> Image:
        """The image of the first platform."""
        return self.images[0].image
