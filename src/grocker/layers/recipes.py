"""The recipe of each kind of layer. A new kind is a module here, a row in the table, and a row in ``plan.layers``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import msgspec

from grocker import python
from grocker.layers import application, configured, runner
from grocker.layers.workbench import Workbench
from grocker.plan.layers import Kind, PlannedLayer
from grocker.store import Store
from grocker.tar import member as members
from grocker.tar.compose import ComposedLayer
from grocker.tar.entry import Entry
from grocker.tar.keys import cache_key
from grocker.tar.member import Member

Recipe = Callable[[PlannedLayer, Workbench], Iterable[Member]]
"""Makes the members of a layer; called if the layer is not in the store."""


def _debian(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    return bench.packages.members()


def _configured(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    store, plan = bench.context.store, bench.plan
    if plan.standalone is not None:  # Debian's modules are for another interpreter
        return [configuration(layer, bench)]
    bytecode = configured.compile_modules(store, bench.packages, bench.compiler(), plan.interpreter, epoch=plan.epoch)
    return [configuration(layer, bench), *bytecode]


def _scripts(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    from grocker.layers import scripts  # most images need none

    return [scripts.make(layer, bench)]


def _interpreter(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    from grocker.layers import interpreter

    files = interpreter.entries(bench.interpreter_files(), has_debian_python=bench.has_debian_python)
    return [_own(layer, bench, files, layer.inputs[0], checked=False)]


def _wheels(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    made = bench.wheel_members()
    return [made[sha256] for sha256 in layer.files]


def _runner(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    return [_own(layer, bench, runner.entries(bench.runner_python), "the runner", checked=False)]


def _environment(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    from grocker.layers import environment

    files = environment.entries(bench.scheme, bench.plan.lock_text, sees_system=bench.sees_debian_modules)
    return [_own(layer, bench, files, "the environment")]


def _data(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    store = bench.context.store
    for part in application.split(application.find_data(bench.installed.entries, _collected(bench))):
        key = cache_key("data", application.hash_entries(part), bench.plan.epoch)
        found = members.find_member(store, key)
        yield found or members.make_member(store, key, part, subject="the application's data", epoch=bench.plan.epoch)


def _application(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    files, collected = bench.installed.entries, _collected(bench)
    data = {entry.path for entry in application.find_data(files, collected)}
    own = [entry for entry in files if entry.path not in collected and entry.path not in data]
    if data:
        application.refuse_below(data, own)
    for part in application.split(application.entries(own, bench.plan.documents)):
        key = cache_key("part", application.hash_entries(part), bench.plan.interpreter, bench.plan.epoch)
        yield _compiled(key, bench, part, "the application")


def _collected(bench: Workbench) -> frozenset[str]:
    return bench.static.paths if bench.static is not None else frozenset()


def _static(layer: PlannedLayer, bench: Workbench) -> Iterable[Member]:
    from grocker.layers import static

    assert bench.static is not None
    store, key = bench.context.store, cache_key("own", layer.key)
    found = members.find_member(store, key)
    if found is None:
        files = static.entries(bench.static)
        found = members.make_member(store, key, files, subject="static files", epoch=bench.plan.epoch)
    return [found]


def _own(
    layer: PlannedLayer, bench: Workbench, entries: Iterable[Entry], subject: str, *, checked: bool = True
) -> Member:
    """Make the one member of a layer of Grocker's own files."""
    return _compiled(cache_key("own", layer.key), bench, entries, subject, checked=checked)


def _compiled(key: str, bench: Workbench, entries: Iterable[Entry], subject: str, *, checked: bool = True) -> Member:
    """Make a member of files and their bytecode; its note says why sources did not compile."""
    store = bench.context.store
    found = members.find_member(store, key)
    if found is None:
        compiler = bench.compiler()
        compiled = python.add_bytecode(compiler, entries, checked=checked)
        failures = {entry.path: compiler.failures[entry.path] for entry in compiled if entry.path in compiler.failures}
        note = msgspec.json.encode(failures)
        found = members.make_member(store, key, compiled, subject=subject, epoch=bench.plan.epoch, note=note)
    return found


def uncompiled(store: Store, layer: ComposedLayer) -> dict[str, str]:
    """Return by path why a source in the application's layer did not compile; nothing of members that are gone."""
    made = [members.find_member(store, key) for key, _, _ in layer.members]
    notes = [msgspec.json.decode(member.note, type=dict[str, str] | None) for member in made if member is not None]
    return {path: reason for note in notes for path, reason in (note or {}).items()}


def configuration(layer: PlannedLayer, bench: Workbench) -> Member:
    """Return the configuration in a layer of the kind ``configured``, from the store if it is there."""
    user, uid = bench.plan.user
    return configured.configure(
        bench.context.store, bench.packages, layer.key, user=user, uid=uid, epoch=bench.plan.epoch
    )


RECIPES: Mapping[Kind, Recipe] = MappingProxyType(
    {
        "debian": _debian,
        "configured": _configured,
        "scripts": _scripts,
        "interpreter": _interpreter,
        "runner": _runner,
        "wheel": _wheels,
        "wheels": _wheels,
        "environment": _environment,
        "data": _data,
        "static": _static,
        "application": _application,
    }
)
