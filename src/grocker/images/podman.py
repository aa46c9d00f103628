"""The place ``podman``: loads an image into podman's store, rootless or not, through the program.

podman reads an OCI layout whose blobs are links to the cache, and only the layers that it lacks: nothing is copied on
the way, and the manifest keeps its digest (``podman load`` of an archive changes it, seen with 4.3). podman names what
it pulls from a layout after the path, so the image gets its names afterwards, and the first one is removed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from grocker import digest as digests
from grocker.command import Output, run
from grocker.errors import DeniedError, GrockerError, StorageError, UnavailableError, UsageError
from grocker.images import layout
from grocker.images.contents import read_checked
from grocker.images.engine import one_line
from grocker.images.sink import UP_TO_DATE, Delivered, PlaceContext, plural, select_image
from grocker.oci import Blobs, Image, Platform, Reference, platforms
from grocker.progress import Progress, Silent, Task
from grocker.store.writing import storage

_INSTALL = (
    "install it (sudo apt install podman), or deliver the image elsewhere: --output docker, oci:DIR or archive:FILE"
)
_SILENT = Silent().task("")
_REFUSALS = ("permission denied", "operation not permitted", "newuidmap", "newgidmap", "cannot clone")


def open_sink(path: str, context: PlaceContext) -> Podman:
    """See sink.SinkModule."""
    return Podman(context.environ, context.store.scratch)


def warn_instead_of_docker(address: str, progress: Progress) -> None:
    """Warn that podman is used although there seems to be a Docker engine on ``address``."""
    progress.warn(
        f"using podman: the Docker engine on {address} cannot be used",
        "start docker (sudo systemctl start docker) or correct DOCKER_HOST; to choose podman, use --output podman "
        "(grocker run: --engine podman)",
    )


class Podman(msgspec.Struct, frozen=True):
    """The sink ``podman``."""

    environ: Mapping[str, str]
    """for the program"""
    scratch: Callable[[], AbstractContextManager[Path]]
    """yields a temporary empty directory, best on the cache's file system"""
    instead_of: str = ""
    """the address of a Docker engine that was asked first and did not answer"""

    def describe(self) -> str:
        """See Sink.describe."""
        return "podman"

    def answers(self) -> bool:
        """Whether podman is installed and its store can be used."""
        try:
            return self._run(["version", "--format", "{{.Client.Version}}"], "asking podman").status == 0
        except UnavailableError:
            return False

    def _holds(self, image: Image, names: Sequence[Reference]) -> bool:
        """Whether podman has this image under all names."""
        try:
            said = self._run(
                ["image", "inspect", "--format", "{{.Id}}", *(name.podman for name in names)], "asking podman"
            )
        except GrockerError:
            return False
        found = said.stdout.decode("utf-8", "replace").split()
        return said.status == 0 and found == [digests.hexadecimal(image.config.digest)] * len(names)

    def platform(self) -> Platform:
        """Ask for the platform that podman runs. UnavailableError when it does not answer."""
        action = "asking podman for its platform"
        said = self._run(["info", "--format", "{{.Host.OS}}/{{.Host.Arch}}"], action)
        try:
            return platforms.parse(said.stdout.decode("utf-8", "replace"))
        except UsageError as error:
            words = one_line(said.stderr) or "the answer has no platform"
            raise UnavailableError(f"{action}: {words}", hint="check whether 'podman info' works") from error

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """See Sink.deliver."""
        if self.instead_of:
            warn_instead_of_docker(self.instead_of, progress)
        image, note = select_image(images, self.platform, "podman")
        new, detail = self._deliver(image, names, blobs, progress)
        listed = tuple(name.podman for name in names)
        return Delivered("podman", listed[0], new, detail + note, listed)

    def _deliver(self, image: Image, names: Sequence[Reference], blobs: Blobs, progress: Progress) -> tuple[int, str]:
        """Load the image; return the bytes of the layers that were new to podman, and what was done."""
        place = names[0].podman
        if self._holds(image, names):
            return 0, UP_TO_DATE
        action = f"loading {place} into podman"
        before = self._layers(names)
        lacking = [one for one in image.layers if one.diff_id not in before]
        with progress.task(action, None) as task, self.scratch() as directory:
            temporary = f"grocker-{os.getpid()}"
            target = directory / temporary
            target.mkdir()
            layout.link(target, image, (), blobs, _layer_files(image, blobs, directory, task))
            try:
                # A path relative to the working directory, because it becomes the image's first name.
                self._run_checked(["pull", "--quiet", f"oci:{temporary}"], action, directory)
            except UnavailableError:
                # podman's message for a damaged blob differs by version: check whether a cached layer is damaged.
                for one in image.layers:
                    for _ in read_checked(one, blobs, _SILENT):
                        pass
                raise
            identity = digests.hexadecimal(image.config.digest)
            for name in names:
                self._run_checked(["tag", identity, name.podman], action, directory)
            self._run(["untag", identity, f"localhost/{temporary}:latest"], action)
        if not self._holds(image, names):
            raise UnavailableError(
                f"{action}: podman reported no error, but the name refers to another image",
                hint="another build may have loaded the same name; build again",
            )
        new = sum(one.size for one in lacking)
        return new, f"{len(lacking)} of {plural(len(image.layers), 'layer')} new to podman"

    def _layers(self, names: Sequence[Reference]) -> frozenset[str]:
        """List the diffIDs of the images that have the names now. Only for the report: podman knows what it lacks."""
        found: set[str] = set()
        for name in names:
            said = self._run(
                ["image", "inspect", "--format", "{{range .RootFS.Layers}}{{.}} {{end}}", name.podman], "asking podman"
            )
            found.update(said.stdout.decode("utf-8", "replace").split())
        return frozenset(found)

    def _run_checked(self, arguments: Sequence[str], action: str, directory: Path) -> None:
        said = self._run(arguments, action, directory)
        if said.status == 0:
            return
        words = one_line(said.stderr.strip().rpartition("Error: ")[2] or f"exit status {said.status}")
        lower = words.lower()
        if "no space left" in lower:
            raise StorageError(f"{action}: {words}", hint="free space in podman's store: podman system prune")
        if any(one in lower for one in _REFUSALS):
            raise DeniedError(
                f"{action}: {words}",
                hint="rootless podman needs subordinate ids (/etc/subuid, /etc/subgid) and the package uidmap",
            )
        raise UnavailableError(f"{action}: {words}", hint="check whether 'podman info' works")

    def _run(self, arguments: Sequence[str], action: str, directory: Path | None = None) -> Output:
        return run(["podman", *arguments], action=action, environment=self.environ, directory=directory, hint=_INSTALL)


def _layer_files(image: Image, blobs: Blobs, directory: Path, task: Task) -> list[Path]:
    """List each layer's file; a layer that is not in a file is written to ``directory``."""
    found: list[Path] = []
    for number, one in enumerate(image.layers):
        place = blobs.path(one.digest)
        if place is None:
            place = directory / f"layer-{number}"
            with storage("writing", place), place.open("wb") as stream:
                for chunk in read_checked(one, blobs, task):
                    stream.write(chunk)
        found.append(place.absolute())
    return found
