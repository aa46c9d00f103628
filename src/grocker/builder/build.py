"""One build: resolve, plan, execute, deliver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from msgspec.structs import replace

from grocker.builder.planning import plan_image, remember, warn_of_removed
from grocker.builder.result import Built, BuiltImage, BuiltLayer
from grocker.builder.service_checks import check_services
from grocker.config.settings import Settings
from grocker.context import Context, GoneError, check_executable
from grocker.errors import SettingsError
from grocker.execute.execute import Execution, as_oci, execute
from grocker.execute.prefetch import Prefetch
from grocker.images.sink import LayerSink, Preflight, Sink
from grocker.images.store import StoredBlobs, keep_images
from grocker.inputs.archive import resolve_names
from grocker.inputs.host_files import files_read
from grocker.inputs.index import find_uv
from grocker.inputs.request import Request, read_configuration
from grocker.layers import configured
from grocker.layers.composition import FinishedLayer, is_kept
from grocker.layers.configured import FailedScriptsError, Scripts
from grocker.layers.workers import Workers, workers
from grocker.oci import Layer, Platform, Reference, reference
from grocker.plan.layers import DEBIAN_KINDS
from grocker.plan.plan import Plan
from grocker.progress import Progress
from grocker.python import Collision
from grocker.resolve.resolve import Resolution, resolve_platforms
from grocker.store import Store

_RUN_SCRIPTS = 'to run them in the sandbox, remove configure = "static" from [tool.grocker.debian]'


def build(request: Request, context: Context) -> Built:
    """Make the image and deliver it to every sink. Raises GrockerError."""
    settings = read_configuration(request).settings
    check_executable(context.store.root)
    if settings.cache is None and request.cache_from is None and request.cache_to is None:
        return _build(request, settings, context)
    from grocker.builder.shared_cache import build_with_cache

    return build_with_cache(request, settings, context, partial(_build, request, settings))


def _build(request: Request, settings: Settings, context: Context) -> Built:
    questions = [partial(sink.ask, _tagged(request.tags)) for sink in request.sinks if isinstance(sink, Preflight)]
    meanwhile = questions if request.tags else []
    with (
        workers(share_heap=context.store.is_new) as pools,
        Prefetch(
            context,
            pools,
            epoch=request.epoch,
            locales=settings.locales,
            meanwhile=meanwhile,
            project=str(request.origin.path or request.origin.requirement),
        ) as prefetch,
        _withdrawing(request.sinks),
    ):
        try:
            resolution, images = _make_images(context, pools, prefetch, request, settings)
        except GoneError as error:
            if request.lock is not None or request.refresh:
                raise
            context.progress.warn(f"{error.message}; resolving again")
            resolution, images = _make_images(context, pools, prefetch, replace(request, refresh=True), settings)
        application = resolution.application
        names = _names(request.tags, resolution)
        made = [one.image for one in images]
        blobs = StoredBlobs(context.store, made)
        with _beside(pools, partial(keep_images, context.store, made, names)):
            delivered = tuple(sink.deliver(made, names, blobs, context.progress) for sink in request.sinks)
    return Built(
        images=images,
        names=names,
        services=tuple(sorted(application.services.table)),
        web=application.services.web,
        commands=application.commands,
        has_crontab=application.crontab[0] is not None,
        is_project=application.project is not None,
        release=application.release,
        delivered=delivered,
        files=tuple(sorted({*resolution.files(context), *files_read(request, context.environ)})),
        writable=application.writable,
        brought=dict(resolution.brought),
    )


def _make_images(
    context: Context, pools: Workers, prefetch: Prefetch, request: Request, settings: Settings
) -> tuple[Resolution, tuple[BuiltImage, ...]]:
    """Return the first platform's resolution and every platform's image."""
    uv = find_uv(context, settings)
    resolutions = resolve_platforms(context, request, settings, uv, prefetch)
    application = resolutions[0].application
    planned = [_plan(context, prefetch, request, settings, one) for one in resolutions]
    images: list[BuiltImage] = []
    faults = {application.installed.file: application.installed.faults}
    for resolution, (plan, scripts) in zip(resolutions, planned, strict=True):
        execution, scripts = _execute(context, pools, prefetch, request, settings, resolution, plan, scripts)
        faults.update(execution.wheel_faults)
        if not images:
            warn_of_removed(context.progress, resolution, resolution.removed_by_wheels(context))
            check_services(
                application,
                application.services.table,
                execution.provided,
                execution.uncompiled,
                context.progress,
                series=resolution.target.python,
                variables=settings.env,
            )
        _report(context.progress, execution, strict=request.strict)
        _report_collisions(context.progress, execution.collisions)
        remember(context.store, resolution, plan)
        layers = tuple(map(_built, execution.image.layers, execution.layers))
        images.append(BuiltImage(execution.image, layers, execution.uncovered, execution.composed, scripts.omitted))
    _report_faults(context.progress, faults)
    return resolutions[0], tuple(images)


def _execute(
    context: Context,
    pools: Workers,
    prefetch: Prefetch,
    request: Request,
    settings: Settings,
    resolution: Resolution,
    plan: Plan,
    scripts: Scripts,
) -> tuple[Execution, Scripts]:
    """Execute a plan; if a maintainer script fails that the image does without, execute one that omits it."""
    while True:
        offer = _Offer(context.store, request, Platform("linux", resolution.target.architecture))
        try:
            execution = execute(
                context, pools, plan, resolution, prefetch, finished=offer, strict=request.strict, settings=settings
            )
            return execution, scripts
        except FailedScriptsError as error:
            if settings.debian.configure == "always":
                raise
            from grocker import debian

            facts = prefetch.packages(resolution.packages).facts()
            failed = {*scripts.failed, *debian.find_omissible(facts, error.packages)}
            if failed == {*scripts.failed}:
                raise
            plan, scripts = _plan(context, prefetch, request, settings, resolution, failed=tuple(sorted(failed)))


def _plan(
    context: Context,
    prefetch: Prefetch,
    request: Request,
    settings: Settings,
    resolution: Resolution,
    *,
    failed: Sequence[str] | None = None,
) -> tuple[Plan, Scripts]:
    """Plan an image, and find out whose maintainer scripts run; waits for Debian's packages unless that is known.

    ``failed``: packages whose scripts failed and are omitted; None: those of the last build.
    """
    store, answer, mode = context.store, resolution.packages, settings.debian.configure
    scripts = configured.find_scripts(store, answer, mode) if failed is None else None
    if scripts is not None and scripts.failed and not request.refresh:
        failed = scripts.failed
    if scripts is not None and (failed or not scripts.omitted):
        plan = plan_image(store, request, settings, resolution, scripts)
        if all(is_kept(store, layer) for layer in plan.layers if layer.kind == "scripts"):
            return plan, scripts
    from grocker import debian

    facts, can_run = prefetch.packages(answer).facts(), partial(_can_run_scripts, context, resolution)
    failed = failed or ()
    names = debian.find_pending(facts, everything=mode == "always", has_sandbox=can_run, failed=failed)
    tools = None
    if names:
        target, own = resolution.target, {package.name for package in answer.packages}
        wanted = sorted({*target.suite.tools, *debian.needed_by_scripts(own)})
        found = resolve_names(context, settings, wanted, target, refresh=request.refresh)
        tools = replace(found, packages=tuple(package for package in found.packages if package.name not in own))
    lacking = {
        name: f"it failed; {why}" if name in failed else why for name, why in debian.find_optional(facts).items()
    }
    omitted = tuple((name, why) for name, why in lacking.items() if name not in names)
    scripts = Scripts(names, tools, omitted, tuple(failed))
    configured.keep_scripts(store, answer, mode, scripts)
    return plan_image(store, request, settings, resolution, scripts), scripts


def _can_run_scripts(context: Context, resolution: Resolution) -> bool:
    from grocker.layers import scripts  # most images need none

    return scripts.can_run(context, resolution.target)


@contextmanager
def _beside(pools: Workers, job: Callable[[], object]) -> Iterator[None]:
    """Run a job that waits for the disk beside the block, which waits for a place; both end before this does."""
    running = pools.processors.submit(job)
    try:
        yield
    finally:
        running.exception()
    running.result()


@contextmanager
def _withdrawing(sinks: Sequence[Sink]) -> Iterator[None]:
    """On exit, withdraw what was offered to sinks, or asked of them, and never became an image."""
    try:
        yield
    finally:
        for sink in sinks:
            if isinstance(sink, LayerSink):
                sink.withdraw()
            if isinstance(sink, Preflight):
                sink.cancel()


class _Offer:
    """Offers Debian's layers to the sinks that can start before the image is complete, if only one image is built.

    Starting early pays off only if the lowest layer is new: otherwise the layers above it are ready at the same time.
    """

    def __init__(self, store: Store, request: Request, platform: Platform) -> None:
        self._store = store
        self._request = request
        self._platform = platform
        self._begun = False

    def __call__(self, layer: FinishedLayer) -> None:
        self._begun = self._begun or (layer.plan.kind == "debian" and layer.is_new)
        if not self._begun or layer.plan.kind not in DEBIAN_KINDS or len(self._request.platforms) > 1:
            return
        for sink in self._request.sinks:
            if isinstance(sink, LayerSink):
                sink.offer(as_oci(layer), StoredBlobs(self._store, ()), self._platform, self._request.epoch)


def _built(layer: Layer, finished: FinishedLayer) -> BuiltLayer:
    return BuiltLayer(layer.title, layer.digest, layer.size, finished.is_new)


def _names(tags: Sequence[str], resolution: Resolution) -> tuple[Reference, ...]:
    """Return the image's names, each with a tag: those asked for, else NAME:VERSION of the application."""
    if not tags:
        installed = resolution.application.installed
        return (reference.of_release(installed.name, installed.version),)
    return _tagged(tags)


def _tagged(tags: Sequence[str]) -> tuple[Reference, ...]:
    return tuple(reference.with_tag(reference.parse(tag)) for tag in tags)


def _report(progress: Progress, execution: Execution, *, strict: bool) -> None:
    """Name every maintainer script whose work is not in the image, and every library that a wheel lacks."""
    if execution.uncovered:
        names = ", ".join(f"{package}.{script}" for package, script, _ in execution.uncovered)
        message = f"maintainer scripts did not run, and the image may lack their effects: {names}"
        reasons = "; ".join(f"{package}: {reason}" for package, _, reason in execution.uncovered)
        if strict:
            raise SettingsError(message, hint=f"{_RUN_SCRIPTS}; or build without --strict ({reasons})")
        progress.warn(message, hint=f"{_RUN_SCRIPTS} ({reasons})")
    for wheel, libraries in execution.missing_libraries.items():
        progress.warn(
            f"{wheel} needs shared libraries that are not in the image: {', '.join(libraries)}",
            hint="if the application uses them, add their Debian packages to [tool.grocker] dependencies",
        )


def _report_faults(progress: Progress, faults: Mapping[str, Sequence[str]]) -> None:
    """Warn once of each wheel that violates the specification."""
    for file in sorted(faults):
        if faults[file]:
            progress.warn(
                f"{file} violates the wheel specification: {'; '.join(faults[file])}",
                hint="the image gets a correct RECORD; tell the wheel's publisher, or refuse such wheels with --strict",
            )


def _report_collisions(progress: Progress, collisions: Sequence[Collision]) -> None:
    """Warn once for each pair of wheels that install different files at one path."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for one in collisions:
        for loser in one.losers:
            pairs.setdefault((loser, one.winner), []).append(one.path)
    for (loser, winner), paths in sorted(pairs.items()):
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        progress.warn(
            f"{loser} and {winner} both install /{paths[0]}{more}, with different contents; the image has {winner}'s",
            hint=f'if the application needs the other one, set prefer = ["{loser.split(" ")[0]}"] in [tool.grocker]',
        )
