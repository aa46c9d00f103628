"""The application's environment. Contract: C4, E7, X4. Pure."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..contract.paths import Places
    from ..contract.spec import Spec

PATH = "/opt/venv/bin:/opt/grocker/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PORT = "8080"
LANG = "C.UTF-8"


class Environment(Value):
    """``variables``: for the application; ``refused``: names of variables that the operator gave and cannot set."""

    variables: Mapping[str, str]
    refused: tuple[str, ...] = ()


def compose(
    spec: Spec,
    given: Mapping[str, str],
    places: Places,
    *,
    user: str,
    extra: Mapping[str, str],
    service: str | None = None,
) -> Environment:
    """The environment of a command, or of ``service``.

    ``given``: what the engine passed, which wins, save over the runner's own; ``user``: the running user's name;
    ``extra``: variables of the runner's own making besides (see ``account``).
    """
    own = owned(spec, user, service)
    refused = tuple(
        name
        for name in sorted(names_owned(spec))
        if name != "HOME" and name in given and given[name] != own.get(name, "")  # engines set HOME of themselves
    )
    variables = {name: value for name, value in given.items() if name not in names_owned(spec)}
    for name, value in _defaults(spec, places, service).items():
        # LANG and what the build set stand in the image's own configuration: those are defaults too.
        if _is_images(spec, name, variables.get(name)):
            variables[name] = value
    return Environment(variables={**variables, **own, **extra}, refused=refused)


def names_owned(spec: Spec) -> frozenset[str]:
    """Variables that nobody but the runner sets."""
    return frozenset(owned(spec, "", "")) | {"GROCKER_SERVICE", f"{spec.namespace}_SERVICE"}


def owned(spec: Spec, user: str, service: str | None) -> dict[str, str]:
    """The runner's own variables with their values."""
    variables = {
        "HOME": spec.user.home,
        "USER": user,
        "LOGNAME": user,
        "PORT": PORT,
        "GROCKER_APP": spec.name,
        "GROCKER_APP_VERSION": spec.version,
        "GROCKER_APP_EXTRAS": ",".join(spec.extras),
        "GROCKER_CONTRACT": str(spec.contract),
    }
    if service is not None:
        variables |= {"GROCKER_SERVICE": service, f"{spec.namespace}_SERVICE": service}
    return variables


def _defaults(spec: Spec, places: Places, service: str | None) -> dict[str, str]:
    declared = spec.services.get(service or "")
    defaults = {
        "PATH": PATH,
        "VIRTUAL_ENV": places.venv,
        "LANG": LANG,
        "PYTHONUTF8": "1",
        f"{spec.namespace}_CONFIG": f"{places.prepared}/*.ini",
        "GROCKER_CONFIG_FILE": places.merged,
    }
    if spec.django_settings_module is not None:
        defaults["DJANGO_SETTINGS_MODULE"] = spec.django_settings_module
    return {**defaults, **spec.variables, **(declared.env if declared is not None else {})}


def _is_images(spec: Spec, name: str, value: str | None) -> bool:
    """Whether ``value`` is not the operator's: absent, empty where empty means nothing, or the image's own."""
    if value is None:
        return True
    if name == f"{spec.namespace}_CONFIG" and not value:  # getconf would read every file of the current directory
        return True
    return value == {"PATH": PATH, "LANG": LANG, "PYTHONUTF8": "1", **spec.variables}.get(name)


def resumed(
    spec: Spec, prepared: Mapping[str, str], given: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, str]:
    """E7: the environment of ``grocker-runner exec``: as prepared, with what this ``docker exec -e`` gave besides.

    ``given`` is what the container was started with, ``now`` what this process was.
    """
    fresh = {n: v for n, v in now.items() if given.get(n) != v and n not in names_owned(spec)}
    return {**prepared, **fresh}
