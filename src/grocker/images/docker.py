"""The place ``docker``: loads an image into a Docker engine, sending only the layers that it lacks.

An engine with the classic image store knows a layer by the chain of diffIDs that ends with it, and skips a layer of an
archive whose chain it has without opening the file (moby/moby, image/tarexport/load.go): such layers are left out.
Its images tell which chains it has. Where that does not work (containerd's image store, another program behind the
socket, a layer removed meanwhile), the whole archive is sent. Layers that are offered before the image is whole are
sent ahead (``preload.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from grocker import background
from grocker.decoding import decode_json
from grocker.digest import Digest
from grocker.errors import DeniedError, GrockerError, StorageError, UnavailableError, UsageError
from grocker.images import archive
from grocker.images.engine import Engine, EngineAnswer, OpenRequest, evidence, of_environment, one_line
from grocker.images.preload import Preloading
from grocker.images.sink import UP_TO_DATE, Delivered, PlaceContext, plural, select_image
from grocker.oci import Blobs, Image, Layer, Platform, Reference, platforms, values
from grocker.progress import Progress, Silent
from grocker.tar.writer import segment

_MOST_INSPECTED = 30  # of our images whose chains are checked, the newest first
_FULL = "no space left"
_LOAD = "/images/load?quiet=1"
_ARCHIVE = "application/x-tar"
_FILTER = quote('{"label":["org.grocker.contract"]}', safe="")


def open_sink(path: str, context: PlaceContext) -> Docker:
    """See sink.SinkModule."""
    return Docker(of_environment(context.environ))


class _Asked(msgspec.Struct, frozen=True):
    """What was asked, and begun, before there was an image."""

    found: dict[str, dict[str, Any] | None]
    """what the engine has under each name"""
    keeps_blobs: bool = False
    load: OpenRequest | None = None
    """a load whose archive has begun, for an engine that has an image of one of the names"""


class Docker(msgspec.Struct):
    """The sink ``docker``."""

    engine: Engine
    worth_asking: int = 1 << 20
    """bytes that the image's namesakes must lack before other images are looked at"""
    _ahead: Preloading | None = None
    _preflight: Future[_Asked] | None = None

    def describe(self) -> str:
        """See Sink.describe."""
        return "docker"

    def answers(self) -> bool:
        """Whether an engine answers and may be used."""
        try:
            return self.engine.request("GET", "/_ping", action="asking docker").status == 200
        except (DeniedError, UnavailableError):
            return False

    def platform(self) -> Platform:
        """Ask for the engine's own platform. Raises what ``Engine.request`` raises."""
        action = "asking docker for its platform"
        said = _json(self.engine.request("GET", "/version", action=action), action)
        try:
            return platforms.parse(f"{said['Os']}/{said['Arch']}")
        except (KeyError, TypeError, UsageError) as error:
            raise UnavailableError(
                f"{action}: the answer has no platform", hint="build for one platform only"
            ) from error

    def ask(self, names: Sequence[Reference]) -> None:
        """See Preflight.ask. An engine that has an image of that name begins to load the next one.

        It unpacks an archive in a process of its own, which takes 30 ms to start, a sixth of a build after a changed
        line, and is started when the first bytes arrive; these are the same for every image.
        """
        self._preflight = background.start(partial(self._ask, names), "docker")

    def _ask(self, names: Sequence[Reference]) -> _Asked:
        found = {name.docker: self._inspect(name.docker) for name in names}
        if not any(found.values()):
            return _Asked(found)
        if self._keeps_blobs():
            return _Asked(found, keeps_blobs=True)
        if not self.engine.is_local:  # a network may forget a connection on which nothing is said for minutes
            return _Asked(found)
        head = b"".join(segment(archive.HEAD, epoch=0))
        begun = self.engine.begin(_LOAD, action=f"loading {names[0].docker} into docker", kind=_ARCHIVE, body=head)
        return _Asked(found, load=begun)

    def cancel(self) -> None:
        """See Preflight.cancel."""
        asked, self._preflight = self._preflight, None
        if asked is not None:
            asked.add_done_callback(_abandon)

    def _take_asked(self) -> _Asked:
        """Return what was asked; nothing if that failed, for what is asked now says why."""
        asked, self._preflight = self._preflight, None
        try:
            return asked.result() if asked is not None else _Asked({})
        except GrockerError:
            return _Asked({})

    def offer(self, layer: Layer, blobs: Blobs, platform: Platform, created: int) -> None:
        """See LayerSink.offer."""
        if self._ahead is None:
            self._ahead = Preloading(self._count_known, self._load_unnamed, self._remove)
        self._ahead.offer(layer, blobs, platform, created)

    def withdraw(self) -> None:
        """See LayerSink.withdraw."""
        if self._ahead is not None:
            self._ahead.clear()
            self._ahead = None

    def deliver(
        self, images: Sequence[Image], names: Sequence[Reference], blobs: Blobs, progress: Progress
    ) -> Delivered:
        """See Sink.deliver."""
        image, note = select_image(images, self.platform, "docker")
        sent, detail = self._deliver(image, names, blobs, progress)
        listed = tuple(name.docker for name in names)
        # An image's id is its configuration's digest in the classic store, its manifest's in containerd's.
        found = tuple(evidence(name, (image.config.digest, image.digest)) for name in listed)
        return Delivered("docker", listed[0], sent, detail + note, listed, evidence=found)

    def _deliver(self, image: Image, names: Sequence[Reference], blobs: Blobs, progress: Progress) -> tuple[int, str]:
        """Load the image; return the bytes sent, and what was done."""
        asked = self._take_asked()
        try:
            return self._load_new(image, names, blobs, progress, asked)
        finally:
            if asked.load is not None:
                asked.load.abandon()

    def _load_new(
        self, image: Image, names: Sequence[Reference], blobs: Blobs, progress: Progress, asked: _Asked
    ) -> tuple[int, str]:
        place = names[0].docker
        found = [asked.found[one.docker] if one.docker in asked.found else self._inspect(one.docker) for one in names]
        # What was asked earlier may have changed since.
        if all(_is_same(one, image) for one in found) and (not asked.found or self._has_arrived(image, names)):
            return 0, UP_TO_DATE
        early, had, known = self._finish_preload(image, progress)
        if not known:
            had = known = self._known_layers(image, [one for one in found if one is not None], asked)
        count = len(image.layers) - had
        detail = f"sent {count} of {plural(len(image.layers), 'layer')}" if had else _say_all(image)
        if known:
            sent, problem = self._load(image, names, blobs, progress, known, asked.load)
            if not problem and self._has_arrived(image, names):
                return early + sent, detail
            if _FULL in problem.lower():
                raise _failure(f"loading {place} into docker", problem)
        sent, problem = self._load(image, names, blobs, progress, 0)
        if problem:
            raise _failure(f"loading {place} into docker", problem)
        if not self._has_arrived(image, names):
            raise UnavailableError(
                f"loading {place} into docker: the engine reported no error, but the name refers to another image",
                hint="another build may have loaded the same name; build again",
            )
        return early + sent, _say_all(image)

    def _finish_preload(self, image: Image, progress: Progress) -> tuple[int, int, int]:
        """Return the bytes sent ahead, and how many layers of the image the engine had before that, and has now."""
        if self._ahead is None:
            return 0, 0, 0
        with progress.task("waiting for docker"):
            part = self._ahead.end()
        if part is None or not _begins_with(image, part):
            return self._ahead.sent, 0, 0
        return self._ahead.sent, self._ahead.had, len(part.layers)

    def _has_arrived(self, image: Image, names: Sequence[Reference]) -> bool:
        return all(_is_same(self._inspect(name.docker), image) for name in names)

    def _inspect(self, name: str) -> dict[str, Any] | None:
        """Ask the engine about an image; None when it has none of that name."""
        action = f"asking docker for {name}"
        answer = self.engine.request("GET", f"/images/{quote(name, safe='/:')}/json", action=action)
        if answer.status == 404:
            return None
        found = _json(answer, action)
        return found if isinstance(found, dict) else None

    def _known_layers(self, image: Image, namesakes: Sequence[dict[str, Any]], asked: _Asked) -> int:
        """Find how many layers, from the bottom, the engine has in this order."""
        most = max((_count_shared(image, one) for one in namesakes), default=0)
        if sum(one.size for one in image.layers[most:-1]) > self.worth_asking:
            for one in self._ours():
                most = max(most, _count_shared(image, one))
        if most == 0 or asked.load is not None:
            return most
        return 0 if asked.keeps_blobs or self._keeps_blobs() else most

    def _ours(self) -> Iterator[dict[str, Any]]:
        action = "asking docker for its images"
        listed = _json(self.engine.request("GET", f"/images/json?filters={_FILTER}", action=action), action)
        if not isinstance(listed, list):
            return
        known = [one for one in listed if isinstance(one, dict) and isinstance(one.get("Id"), str)]
        known.sort(key=lambda one: (-_seconds(one.get("Created")), one["Id"]))
        for one in known[:_MOST_INSPECTED]:
            found = self._inspect(one["Id"])
            if found is not None:
                yield found

    def _keeps_blobs(self) -> bool:
        """Whether the engine keeps images in containerd, which requires complete archives."""
        action = "asking docker how it stores images"
        said = _json(self.engine.request("GET", "/info", action=action), action)
        return "io.containerd.snapshotter" in json.dumps(said.get("DriverStatus") if isinstance(said, dict) else None)

    def _count_known(self, image: Image) -> int | None:
        """See Preloading.known."""
        return None if self._keeps_blobs() else max((_count_shared(image, one) for one in self._ours()), default=0)

    def _load_unnamed(self, image: Image, blobs: Blobs, known: int) -> int | None:
        """See Preloading.load."""
        sent, problem = self._load(image, (), blobs, Silent(), known)
        return None if problem else sent

    def _remove(self, image: Image) -> None:
        """Remove an unnamed image; its layers stay as long as another image has them."""
        self.engine.request("DELETE", f"/images/{image.config.digest}", action="removing preloaded layers from docker")

    def _load(
        self,
        image: Image,
        names: Sequence[Reference],
        blobs: Blobs,
        progress: Progress,
        known: int,
        begun: OpenRequest | None = None,
    ) -> tuple[int, str]:
        """Send the image without its lowest ``known`` layers; return the bytes sent, and the engine's error if any.

        ``begun``: a load that has the archive's head already.
        """
        if any(one.descriptor.media_type == values.LAYER_ZSTD for one in image.layers) and not self._keeps_blobs():
            from grocker.images.plain_layers import with_plain_layers

            image, blobs = with_plain_layers(image, blobs, known=known)
        without = frozenset[Digest](one.digest for one in image.layers[:known])
        without -= {one.digest for one in image.layers[known:]}
        action = f"loading {names[0].docker if names else 'layers'} into docker"
        with progress.task(action, sum(one.size for one in image.layers if one.digest not in without)) as task:
            members = archive.list_members([image], names, blobs, task, without=without)
            size = archive.measure(members)
            if begun is None:
                body = archive.read_chunks(members, epoch=image.created)
                answer = self.engine.request("POST", _LOAD, action=action, body=body, size=size, kind=_ARCHIVE)
            else:
                try:
                    for chunk in archive.read_chunks(members[len(archive.HEAD) :], epoch=image.created):
                        if not begun.send(chunk):
                            break
                    answer = begun.finish()
                except UnavailableError as error:
                    return size, error.message  # the whole archive is sent, if the engine answers
        if answer.status != 200:
            return size, answer.message() or f"status {answer.status}"
        return size, _load_error(answer.body)


def _abandon(asked: Future[_Asked]) -> None:
    if asked.exception() is None and (load := asked.result().load) is not None:
        load.abandon()


def _say_all(image: Image) -> str:
    return f"sent {plural(len(image.layers), 'layer')}"


def _begins_with(image: Image, part: Image) -> bool:
    """Whether the lowest layers of ``image`` unpack to those of ``part``."""
    own = [one.diff_id for one in image.layers[: len(part.layers)]]
    return own == [one.diff_id for one in part.layers]


def _json(answer: EngineAnswer, action: str) -> Any:
    if answer.status != 200:
        raise UnavailableError(
            f"{action}: status {answer.status}: {answer.message()}", hint="check the engine's log: journalctl -u docker"
        )
    try:
        return decode_json(answer.body)
    except ValueError as error:
        raise UnavailableError(f"{action}: the answer is not JSON", hint="check DOCKER_HOST") from error


def _seconds(said: object) -> float:
    return said if isinstance(said, int | float) else 0


def _is_same(found: dict[str, Any] | None, image: Image) -> bool:
    """Whether an inspected image is this one: its id is the configuration's digest in the classic store, the
    manifest's in containerd's.
    """
    return found is not None and found.get("Id") in (image.config.digest, image.digest)


def _count_shared(image: Image, found: dict[str, Any]) -> int:
    """Count the layers from the bottom that an inspected image and this one have in common."""
    root = found.get("RootFS")
    theirs = root.get("Layers") if isinstance(root, dict) else None
    if not isinstance(theirs, list):
        return 0
    count = 0
    for one, diff_id in zip(image.layers, theirs, strict=False):
        if one.diff_id != diff_id:
            break
        count += 1
    return count


def _load_error(body: bytes) -> str:
    """Find the error in the JSON lines that answer a load, if any."""
    for line in body.splitlines():
        try:
            said = decode_json(line)
        except ValueError:
            continue
        if isinstance(said, dict) and (said.get("error") or said.get("errorDetail")):
            detail = said.get("errorDetail")
            text = said.get("error") or (detail.get("message") if isinstance(detail, dict) else None)
            return one_line(str(text or "unknown error"))
    return ""


def _failure(action: str, problem: str) -> UnavailableError | StorageError:
    if _FULL in problem.lower():
        return StorageError(
            f"{action}: {problem}", hint="free space in the engine's store: docker system prune, docker image prune"
        )
    return UnavailableError(f"{action}: {problem}", hint="check the engine's log: journalctl -u docker")
