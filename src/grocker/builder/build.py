"""One build, from the request to the delivered image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from grocker import __version__, digest
from grocker.builder import contents, sourcing
from grocker.builder.assembly import Assembly
from grocker.builder.blobs import StoredBlobs
from grocker.builder.layers import Made
from grocker.builder.request import Built, BuiltLayer, Request
from grocker.builder.resolving import DebianAnswer, PythonAnswer, debian_packages
from grocker.builder.sourcing import Source
from grocker.builder.workshop import workshop
from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.lock.document import render
from grocker.lock.values import Base, Interpreter, Lock
from grocker.oci import Image, Platform, Reference, RunConfig, image, layer, reference
from grocker.oci.values import named
from grocker.plan import image as contract
from grocker.plan.steps import Application, key, plan
from grocker.plan.target import Target, target
from grocker.progress import Progress
from grocker.runner import spec
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
    chosen = target(request.suite or settings.debian.suite, request.platform)
    with workshop(store, transport, progress, environ, now=now, epoch=request.epoch) as shop:
        with ThreadPoolExecutor(1) as beside:
            archive = beside.submit(debian_packages, shop, settings, chosen, refresh=request.refresh)
            source = sourcing.source(shop, request.origin, settings, chosen, refresh=request.refresh)
            index = sourcing.dependencies(shop, source, settings, chosen, refresh=request.refresh)
            packages = archive.result()
        names = _names(request.tags, source)
        lock = _lock(chosen, source, packages, index)
        lock_text = render(lock)
        described = _described(settings, source)
        user = described.user
        application = Application(
            wheel=source.wheel,
            subject=f"{source.installed.name} {source.installed.version}",
            image_json=spec.encode(described),
            settings_ini=contents.base_config(*source.base_config),
        )
        planned = plan(
            lock,
            application,
            runner=contents.runner_digest(),
            lock_text=lock_text,
            user=(user.name, user.uid),
            epoch=request.epoch,
        )
        with Assembly(shop, planned, chosen, packages, index) as assembly:
            layers = assembly.layers(
                user=user.name,
                uid=user.uid,
                environment=contents.environment(lock.interpreter.version, lock_text),
                application=(
                    *source.installed.entries,
                    *contents.application(application.image_json, application.settings_ini),
                ),
            )
            uncovered = assembly.uncovered(user=user.name, uid=user.uid)
        _report(progress, uncovered, strict=request.strict)
        result = _image(request, chosen, described, layers, lock=digest.of(lock_text.encode()))
        _keep(store, names, result)
        blobs = StoredBlobs(store)
        delivered = tuple(sink.deliver(result, names, blobs, progress) for sink in request.sinks)
    return Built(
        image=result,
        names=names,
        layers=tuple(BuiltLayer(m.plan.name, m.layer.digest, m.layer.size, m.is_new) for m in layers),
        services=tuple(sorted(source.services.table)),
        commands=source.commands,
        delivered=delivered,
        uncovered=uncovered,
        files=source.files,
    )


def _names(tags: Sequence[str], source: Source) -> tuple[Reference, ...]:
    """The image's names, each with a tag: those asked for, else NAME:VERSION of the application."""
    if not tags:
        return (reference.of_release(source.installed.name, source.installed.version),)
    return tuple(reference.with_tag(reference.parse(tag)) for tag in tags)


def _lock(chosen: Target, source: Source, packages: DebianAnswer, index: PythonAnswer) -> Lock:
    suite = chosen.suite
    inputs = key("inputs", suite.name, chosen.platform, source.installed.metadata.requires, source.services.servers)
    return Lock(
        platform=chosen.platform,
        base=Base("debian", suite.name),
        interpreter=Interpreter("cpython", suite.python, f"debian:{suite.name}"),
        debian=tuple(sorted(packages.packages)),
        python=tuple(sorted((*index.files, *([source.file] if source.file else ())))),
        build=tuple(sorted(source.build)),
        inputs=digest.from_hex(inputs),
    )


def _described(settings: Settings, source: Source) -> spec.Spec:
    """What the runner is told."""
    name = source.installed.metadata.name
    user = settings.user
    try:
        return spec.Spec(
            name=name,
            version=source.installed.version,
            extras=source.extras,
            namespace=settings.namespace or spec.default_namespace(name),
            grocker=__version__,
            user=spec.User(name=user.name, uid=user.uid, home=f"/home/{user.name}"),
            services=dict(source.services.table),
            any_service=source.services.any_service,
            django_settings_module=source.django_settings_module,
            variables=dict(sorted(settings.env.items())),
        )
    except spec.SpecError as error:
        raise SettingsError(str(error), hint="mend the settings of the project") from error


def _image(request: Request, chosen: Target, described: spec.Spec, layers: Sequence[Made], *, lock: str) -> Image:
    """The image of the layers, with the configuration that the contract asks for (P3, U1, X2, X4)."""
    labels = contract.labels(described, created=contract.timestamp(request.epoch), lock=lock)
    variables = contract.environment(described)
    return image(
        [layer(digest=m.layer.digest, size=m.layer.size, diff_id=m.layer.diff_id, title=m.plan.name) for m in layers],
        platform=Platform("linux", chosen.architecture),
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


def _keep(store: Store, names: Sequence[Reference], result: Image) -> None:
    """Keep the image's documents, and under each name which manifest it is."""
    store.add_blob(result.config.data)
    manifest = store.add_blob(result.manifest.data)
    for name in names:
        store.keep("refs", digest.hexadecimal(digest.of(name.full.encode())), f"{name.full} {manifest}\n".encode())
