"""What a build would do, without doing it."""

from __future__ import annotations

import msgspec

from grocker.builder.planning import explain_plan, plan_image, warn_of_removed
from grocker.config.files import Configuration
from grocker.config.settings import Settings
from grocker.context import Context, check_executable
from grocker.inputs.index import find_uv
from grocker.inputs.request import Request, read_configuration
from grocker.layers.configured import Scripts, find_scripts
from grocker.plan.explain import Explained
from grocker.plan.plan import Plan
from grocker.platforms.architectures import is_foreign
from grocker.resolve.resolve import Resolution, resolve_platforms
from grocker.resolve.subscriber import NoSubscriber


class Preview(msgspec.Struct, frozen=True):
    """The plan of one platform, with the reason why each layer will or will not be built."""

    resolution: Resolution
    plan: Plan
    layers: tuple[Explained, ...]
    compiled: tuple[str, ...] = ()
    """name and version of each dependency that is compiled"""
    sandbox: str = ""
    """the kind of sandbox that this host has, or why it has none; empty if nothing is compiled or run in one"""
    scripts: tuple[str, ...] = ()
    """names of the Debian packages whose maintainer scripts run, as far as a build has found out"""
    is_emulated: bool = False
    """whether compilers and maintainer scripts run in an emulator"""


def preview(request: Request, context: Context) -> tuple[Configuration, tuple[Preview, ...]]:
    """Resolve and plan as ``build`` does, and compare with what is in the store.

    The wheel of a changed project is built, because it says what the application needs. Nothing else is built.
    """
    configuration = read_configuration(request)
    settings = configuration.settings
    check_executable(context.store.root)
    uv = find_uv(context, settings)
    previews: list[Preview] = []
    for resolution in resolve_platforms(context, request, settings, uv, NoSubscriber()):
        scripts = _known_scripts(context, settings, resolution)
        plan = plan_image(context.store, request, settings, resolution, scripts)
        layers = explain_plan(context.store, resolution, plan)
        compiled = tuple(f"{file.name} {file.version}" for file in resolution.wheels.files if file.is_compiled)
        runs = compiled or resolution.application.produced or scripts.packages
        if not previews:
            warn_of_removed(context.progress, resolution)
        sandbox = _sandbox(context) if runs else ""
        is_emulated = bool(compiled or scripts.packages) and context.emulates
        is_emulated = is_emulated and is_foreign(resolution.target.architecture)
        previews.append(Preview(resolution, plan, layers, compiled, sandbox, scripts.packages, is_emulated))
    return configuration, tuple(previews)


def _known_scripts(context: Context, settings: Settings, resolution: Resolution) -> Scripts:
    """Return the maintainer scripts that run, as far as a build has found out: only packages tell."""
    return find_scripts(context.store, resolution.packages, settings.debian.configure) or Scripts()


def _sandbox(context: Context) -> str:
    from grocker.sandbox.run import NoSandboxError, find_isolation

    with context.store.scratch() as scratch:
        try:
            return find_isolation(scratch)
        except NoSandboxError as error:
            return error.message
