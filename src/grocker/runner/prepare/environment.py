"""The application's environment. Contract: C4, E7, X4. Pure."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value
from ..contract import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contract.names import ContainerLayout
    from ..contract.spec import Spec


class Environment(Value):
    """``variables``: for the application; ``refused``: variables that the operator set and that only the runner may."""

    variables: Mapping[str, str]
    refused: tuple[str, ...] = ()


def compose(
    spec: Spec,
    given: Mapping[str, str],
    layout: ContainerLayout,
    *,
    user: str,
    extra: Mapping[str, str],
    service: str | None = None,
) -> Environment:
    """Return the environment of a command, or of ``service``.

    ``given``: the engine's variables, which override everything but the runner's own; ``user``: the running user's
    name; ``extra``: further variables that the runner sets (see ``account``).
    """
    own = own_variables(spec, layout, user, service)
    reserved = reserved_names(spec)
    refused = tuple(
        name
        for name in sorted(reserved)
        if name != "HOME" and name in given and given[name] != own.get(name, "")  # engines set HOME themselves
    )
    variables = {name: value for name, value in given.items() if name not in reserved}
    for name, value in _defaults(spec, layout, service).items():
        # LANG and the build's variables are in the image's own configuration: those are defaults too.
        if _is_default(spec, name, variables.get(name)):
            variables[name] = value
    return Environment(variables={**variables, **own, **extra}, refused=refused)


def reserved_names(spec: Spec) -> frozenset[str]:
    """Return the names of the variables that only the runner sets."""
    return frozenset(
        {
            *("HOME", "USER", "LOGNAME", "PORT", f"{spec.namespace}_SERVICE"),
            *(names.GROCKER_APP, names.GROCKER_APP_VERSION, names.GROCKER_APP_EXTRAS),
            *(names.GROCKER_CONTRACT, names.GROCKER_RUNTIME_DIR, names.GROCKER_SERVICE),
        }
    )


def own_variables(spec: Spec, layout: ContainerLayout, user: str, service: str | None) -> dict[str, str]:
    """Return the variables that only the runner sets, with their values."""
    variables = {
        "HOME": spec.user.home,
        "USER": user,
        "LOGNAME": user,
        "PORT": str(layout.application_port),
        names.GROCKER_APP: spec.name,
        names.GROCKER_APP_VERSION: spec.version,
        names.GROCKER_APP_EXTRAS: ",".join(spec.extras),
        names.GROCKER_CONTRACT: str(spec.contract),
        names.GROCKER_RUNTIME_DIR: layout.scratch,
    }
    if service is not None:
        variables |= {names.GROCKER_SERVICE: service, f"{spec.namespace}_SERVICE": service}
    return variables


def _defaults(spec: Spec, layout: ContainerLayout, service: str | None) -> dict[str, str]:
    declared = spec.services.get(service or "")
    defaults = {
        "PATH": names.PATH,
        "VIRTUAL_ENV": layout.venv,
        "LANG": names.LANG,
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        names.GROCKER_CONFIG_FILE: layout.merged,
    }
    if spec.uses_getconf:
        defaults[f"{spec.namespace}_CONFIG"] = f"{layout.prepared}/*.ini"
    if spec.django_settings_module is not None:
        defaults["DJANGO_SETTINGS_MODULE"] = spec.django_settings_module
    return {**defaults, **spec.variables, **(declared.env if declared is not None else {})}


def _is_default(spec: Spec, name: str, value: str | None) -> bool:
    """Whether ``value`` is not the operator's: absent, empty where empty means nothing, or the image's own."""
    if value is None:
        return True
    if spec.uses_getconf and name == f"{spec.namespace}_CONFIG" and not value:
        return True  # getconf would read every file of the current directory
    own = {"PATH": names.PATH, "LANG": names.LANG, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **spec.variables}
    return value == own.get(name)


def resume(spec: Spec, prepared: Mapping[str, str], given: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of ``grocker-runner exec``: as prepared, plus what ``docker exec -e`` adds (E7).

    ``given``: what the container was started with; ``now``: this process's own environment.
    """
    reserved = reserved_names(spec)
    added = {name: value for name, value in now.items() if given.get(name) != value and name not in reserved}
    return {**prepared, **added}
