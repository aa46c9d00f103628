"""One build, from the request to the delivered images: decide, make, describe, deliver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from msgspec.structs import replace

from grocker import digest
from grocker.builder import sourcing
from grocker.builder.ahead import AFTER, importing
from grocker.builder.assembly import Assembly
from grocker.builder.blobs import StoredBlobs
from grocker.builder.deciding import Decision, decide
from grocker.builder.layers import Made
from grocker.builder.request import Built, BuiltImage, BuiltLayer, Request
from grocker.builder.sourcing import Source
from grocker.builder.survey import remember
from grocker.builder.workshop import GoneError, Workshop, workshop
from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.images import store as image_store
from grocker.images.sink import Asking, Early, Sink
from grocker.inputs import validation
from grocker.oci import Image, Layer, Platform, Reference, RunConfig, image, index, reference
from grocker.oci import layer as oci_layer
from grocker.oci.values import named
from grocker.plan import image as contract
from grocker.platforms.target import Target, target
from grocker.progress import Progress
from grocker.store import Store
from grocker.web import Transport


def build(
    request: Request,
    *,
    store: Store,
    transport: Transport,
    progress: Progress,
    environ: Mapping[str, str],
    now: float,
) -> Built:
    """Make the image and give it to every sink; ``now`` in seconds since 1970. Raises GrockerError."""
    settings = sourcing.configuration(request.origin, request.settings).settings
    suite = request.suite or settings.debian.suite
    targets = [target(suite, platform) for platform in request.platforms]
    with (
        workshop(store, transport, progress, environ, now=now, epoch=request.epoch, makes=True) as shop,
        _withdrawn(request.sinks),
    ):
        shop.meanwhile.append(importing(AFTER))
        for sink in request.sinks:
            if isinstance(sink, Asking) and request.tags:
                shop.meanwhile.append(partial(sink.ask, _tagged(request.tags)))
        try:
            source, images = _made(shop, request, settings, targets)
        except GoneError as error:
            if request.lock is not None or request.refresh:
                raise
            progress.warn(f"{error.message}; resolving again")
            source, images = _made(shop, replace(request, refresh=True), settings, targets)
        names = _names(request.tags, source)
        _keep(store, names, images)
        made = [one.image for one in images]
        blobs = StoredBlobs(store, made)
        delivered = tuple(sink.deliver(made, names, blobs, progress) for sink in request.sinks)
    return Built(
        images=images,
        names=names,
        services=tuple(sorted(source.services.table)),
        commands=source.commands,
        delivered=delivered,
        files=source.files,
    )


@contextmanager
def _withdrawn(sinks: Sequence[Sink]) -> Iterator[None]:
    """What was offered to sinks and never became an image is taken back, however the block ends."""
    try:
        yield
    finally:
        for sink in sinks:
            if isinstance(sink, Early):
                sink.withdraw()


def _made(
    shop: Workshop, request: Request, settings: Settings, targets: Sequence[Target]
) -> tuple[Source, tuple[BuiltImage, ...]]:
    """The application, and its image on every target."""
    decisions = [decide(shop, request, settings, chosen) for chosen in targets]
    found = decisions[0].source
    validation.check_services(found.installed, found.services.table, shop.progress)
    images = []
    for decision in decisions:
        with Assembly(shop, decision) as assembly:
            layers = []
            for made in assembly.layers():
                layers.append(made)
                # What is above Debian's layers is ready as soon as the first of it is.
                if layers[0].is_new and len(layers) <= len(decision.plan.lowest):
                    _offer(shop, request, decision, made)
            uncovered, missing = assembly.uncovered(), assembly.missing_libraries()
        _report(shop.progress, uncovered, strict=request.strict)
        for wheel, names in missing.items():
            shop.progress.warn(
                f"{wheel} asks for shared libraries that nothing in the image has: {', '.join(names)}",
                hint="if the application uses them, name their Debian packages: [tool.grocker] dependencies",
            )
        remember(shop.store, decision)
        images.append(BuiltImage(_image(request, decision, layers), tuple(_built(m) for m in layers), uncovered))
    return found, tuple(images)


def _offer(shop: Workshop, request: Request, decision: Decision, made: Made) -> None:
    """Give the layer to the sinks that begin before the image is whole, where there is one image alone."""
    if len(request.platforms) > 1:
        return
    one = _layer(made)
    for sink in request.sinks:
        if isinstance(sink, Early):
            sink.offer(one, StoredBlobs(shop.store, ()), _platform(decision), request.epoch)


def _layer(made: Made) -> Layer:
    layer = made.layer
    return oci_layer(digest=layer.digest, size=layer.size, diff_id=layer.diff_id, title=made.plan.name)


def _platform(decision: Decision) -> Platform:
    return Platform("linux", decision.target.architecture)


def _built(made: Made) -> BuiltLayer:
    return BuiltLayer(made.plan.name, made.layer.digest, made.layer.size, made.is_new)


def _names(tags: Sequence[str], source: Source) -> tuple[Reference, ...]:
    """The image's names, each with a tag: those asked for, else NAME:VERSION of the application."""
    if not tags:
        return (reference.of_release(source.installed.name, source.installed.version),)
    return _tagged(tags)


def _tagged(tags: Sequence[str]) -> tuple[Reference, ...]:
    return tuple(reference.with_tag(reference.parse(tag)) for tag in tags)


def _image(request: Request, decision: Decision, layers: Sequence[Made]) -> Image:
    """The image of the layers, with the configuration that the contract asks for (P3, U1, X2, X4)."""
    described = decision.described
    labels = contract.labels(
        described, created=contract.timestamp(request.epoch), lock=digest.of(decision.lock_text.encode())
    )
    variables = contract.environment(described)
    return image(
        [_layer(made) for made in layers],
        platform=_platform(decision),
        run=RunConfig(
            user=f"{described.user.uid}:{described.user.gid}",
            exposed_ports=named(*contract.PORTS),
            env=tuple(f"{name}={variables[name]}" for name in sorted(variables)),
            entrypoint=contract.ENTRYPOINT,
            volumes=named(*contract.VOLUMES),
            working_dir="/scripts",
            labels=dict(sorted({**request.labels, **labels}.items())),
            stop_signal="SIGTERM",
        ),
        created=request.epoch,
    )


def _report(progress: Progress, uncovered: Sequence[tuple[str, str, str]], *, strict: bool) -> None:
    """Name every maintainer script whose work is not in the image."""
    if not uncovered:
        return
    named_scripts = ", ".join(f"{package}.{script}" for package, script, _ in uncovered)
    message = f"maintainer scripts that are neither inert nor done statically: {named_scripts}"
    hint = "; ".join(f"{package}: {reason}" for package, _, reason in uncovered)
    if strict:
        raise SettingsError(message, hint=f"{hint}; build without --strict if the application does not need it")
    progress.warn(message, hint=hint)


def _keep(store: Store, names: Sequence[Reference], images: Sequence[BuiltImage]) -> None:
    """Keep the images' documents, and under each name which manifest or index it is."""
    for one in images:
        store.add_blob(one.image.config.data)
        store.add_blob(one.image.manifest.data)
    root = store.add_blob(index.root([one.image for one in images]).data)
    for name in names:
        store.keep("refs", image_store.key(name), f"{name.full} {root}\n".encode())
