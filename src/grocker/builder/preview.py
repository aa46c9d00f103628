"""What a build would do, without doing it."""

from __future__ import annotations

import msgspec

from grocker.builder.planning import explain_plan, plan_image
from grocker.config.files import Configuration
from grocker.context import Context, check_executable
from grocker.inputs.index import find_uv
from grocker.inputs.request import Request, read_configuration
from grocker.plan.explain import Explained
from grocker.plan.plan import Plan
from grocker.resolve.resolve import Resolution, resolve_platforms
from grocker.resolve.subscriber import NoSubscriber


class Preview(msgspec.Struct, frozen=True):
    """The plan of one platform, with the reason why each layer will or will not be built."""

    resolution: Resolution
    plan: Plan
    layers: tuple[Explained, ...]


def preview(request: Request, context: Context) -> tuple[Configuration, tuple[Preview, ...]]:
    """Resolve and plan as ``build`` does, and compare with what is in the store.

    The wheel of a changed project is built, because it says what the application needs. Nothing else is built.
    """
    configuration = read_configuration(request)
    settings = configuration.settings
    check_executable(context.store.root)
    uv = find_uv(context, settings)
    previews = []
    for resolution in resolve_platforms(context, request, settings, uv, NoSubscriber()):
        plan = plan_image(request, settings, resolution)
        previews.append(Preview(resolution, plan, explain_plan(context.store, resolution, plan)))
    return configuration, tuple(previews)
