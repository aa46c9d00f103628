"""The project's own build commands (``npm run build``): what they write becomes files of the project.

They run in a sandbox, over a copy of the project. The result is kept under a key of the commands, the packages that
they run with and the files on which they depend; while that stays the same, nothing runs and no sandbox is made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grocker.config.settings import BuildSettings
from grocker.context import Context
from grocker.errors import GrockerError, MissingError, SettingsError
from grocker.inputs.application import ApplicationRequest
from grocker.inputs.produced import FILES, CommandResult, Produced
from grocker.inputs.toolchain import DebianToolchain
from grocker.inputs.tree_files import TreeFiles, read_files
from grocker.platforms.architectures import ARCHITECTURES, BY_MACHINE
from grocker.platforms.target import Target
from grocker.python.selection import Patterns
from grocker.python.source_tree import SourceFile, SourceTree
from grocker.python.tree_record import TreeRecord
from grocker.tar.keys import cache_key

if TYPE_CHECKING:
    from grocker.inputs.front_end import FrontEnd

FORMAT = 1
"""goes into step keys: raised if the same commands would give other files"""
NPMRC = ".npmrc"
_OLDEST = 315532800
"""seconds: 1980-01-01, before which no zip archive has files"""


class UnbuiltFrontEnd(msgspec.Struct, frozen=True):
    """A front end that is not built, in its project."""

    front_end: FrontEnd
    files: TreeFiles
    """the project's"""


class _Build(msgspec.Struct, frozen=True):
    """What to run, and in which root."""

    settings: BuildSettings
    toolchain: DebianToolchain
    origin: str = ""
    """the ``package.json`` that it follows from; empty: the settings"""
    node: str = ""
    """the version of its Node, if ``package.json`` asks for another one"""
    wanted: str = ""
    """the versions of Node that ``package.json`` asks for"""


def run_build_commands(request: ApplicationRequest, unbuilt: UnbuiltFrontEnd | None = None) -> Produced | None:
    """Run the commands that the settings name, or return the kept result; None if there are none.

    ``unbuilt``: what is built if the settings do not say. Raises SettingsError, MissingError, CorruptError for commands
    that fail, UnavailableError for those without an answer from the network, NoSandboxError.
    """
    settings, host = request.settings, _host(request.target)
    if settings.build.commands:
        return _run(request, _Build(settings.build, DebianToolchain(request.context, settings, host, request.refresh)))
    if unbuilt is None:
        return None
    try:
        build = _follow(request, unbuilt, host)
        return _run(request, build) if build is not None else None
    except GrockerError as error:
        error.message = f"building the front end of {unbuilt.front_end.place}: {error.message}"
        error.hint = "; ".join(filter(None, (error.hint, "or turn it off: commands = [] in [tool.grocker.build]")))
        raise


def _follow(request: ApplicationRequest, unbuilt: UnbuiltFrontEnd, host: Target) -> _Build | None:
    """Return what builds a front end; None if that would not be the same each time, or its manager cannot be had."""
    from grocker.inputs.front_end_build import draft_build
    from grocker.inputs.node import choose_node, read_node_needs

    front_end = unbuilt.front_end
    table = draft_build(front_end, unbuilt.files) if front_end.lock else None
    if table is None:
        return None
    build = replace(
        request.settings.build,
        dependencies=tuple(table["dependencies"]),
        commands=tuple(table["commands"]),
        network=table["network"],
        inputs=tuple(table.get("inputs", ())),
        outputs=tuple(table["outputs"]),
    )
    needs = read_node_needs(front_end, unbuilt.files)
    settings = replace(request.settings, build=build)
    node = choose_node(request.context, settings, host.architecture, needs, refresh=request.refresh)
    return _Build(build, node.toolchain, front_end.place, "" if node.meets else node.version, needs.own)


def _run(request: ApplicationRequest, what: _Build) -> Produced:
    build, toolchain, context, directory = what.settings, what.toolchain, request.context, request.origin.path
    assert directory is not None
    commands = build.commands or ()
    files = read_files(context, directory, request.settings.include)
    files = replace(files, files=tuple(sorted((*files.files, *_npmrc(files)), key=lambda one: one.path)))
    inputs = _choose_inputs(files, build.inputs, build.outputs)
    key = cache_key(
        "build commands",
        FORMAT,
        toolchain.root_key(),
        (commands, build.outputs, build.network, sorted(build.env.items()), request.epoch),
        [(one.path, one.digest, one.executable, one.target) for one in inputs],
    )
    with context.store.lock(f"step-{key}"):
        result = _find(context, key)
        if result is None:
            from grocker.inputs import command_run

            if what.node:
                context.progress.warn(
                    f"{what.origin} asks for Node {what.wanted}; building with Debian's Node {what.node}",
                    hint="if that is too old, build the front end before grocker build; git must not ignore its output",
                )
            run = command_run.CommandRun(
                root=directory,
                tree=SourceTree(directory, files.files, files.digest, TreeRecord()),
                settings=build,
                npmrc=tuple(directory / path for path in files.secret if path.rpartition("/")[2] == NPMRC),
                epoch=max(request.epoch, _OLDEST),
                origin=what.origin,
            )
            result = command_run.make(context, toolchain, run)
            context.store.keep("steps", key, msgspec.json.encode(result))
    _check_machine(result, request.target)
    tree = context.store.root / "trees" / result.tree / FILES
    made = tuple(
        SourceFile(one.path, one.digest, one.executable, one.target, str(tree / one.path)) for one in result.files
    )
    watched = (*files.watched, *(str(directory / one.path) for one in inputs))
    return Produced(made, result.removed, build.network, watched, commands, what.origin)


def _host(target: Target) -> Target:
    """Return the same suite on this host's architecture, which commands run on."""
    own = BY_MACHINE.get(os.uname().machine)
    return Target(target.suite, own.name) if own is not None else target


def _npmrc(files: TreeFiles) -> list[SourceFile]:
    """Return the project's ``.npmrc`` files without credentials: their name looks secret, and npm needs them."""
    paths = [path for path in files.secret if path.rpartition("/")[2] == NPMRC]
    if not paths:
        return []
    import hashlib

    from grocker import local_file
    from grocker.sandbox.host_network import holds_npm_credentials

    found = []
    for path in paths:
        place = files.root / path
        if place.is_symlink() or holds_npm_credentials(place):
            continue
        try:
            found.append(SourceFile(path, hashlib.sha256(local_file.read(place)).hexdigest()))
        except OSError:
            continue  # nobody can read it, npm neither
    return found


def _choose_inputs(files: TreeFiles, patterns: Sequence[str], outputs: Sequence[str]) -> list[SourceFile]:
    """Return the files that commands depend on: what the patterns match, else all but what lies at the outputs."""
    if not patterns:
        places = [os.path.normpath(one) for one in outputs]
        return [one for one in files.files if not any(f"{one.path}/".startswith(f"{place}/") for place in places)]
    found: dict[str, SourceFile] = {}
    for pattern in patterns:
        matcher = Patterns([pattern])
        matched = {one.path: one for one in files.files if matcher.match_below(one.path)}
        if not matched:
            raise SettingsError(
                f"build.inputs: no file of the project matches {pattern!r}",
                hint="fix the pattern, or remove it; files that git or .dockerignore ignores do not count",
            )
        found |= matched
    return [found[path] for path in sorted(found)]


def _find(context: Context, key: str) -> CommandResult | None:
    result = context.store.kept_as("steps", key, CommandResult)
    if result is None or context.store.tree(result.tree) is None:
        return None
    context.store.share_tree(result.tree)
    return result


def _check_machine(result: CommandResult, target: Target) -> None:
    """Raise MissingError for programs that the image's processor cannot run: commands run on this host's."""
    wanted = ARCHITECTURES[target.architecture].elf_machine
    other = next((one for one in result.files if one.machine not in (0, wanted)), None)
    if other is not None:
        raise MissingError(
            f"build.commands: {other.path} is not a program for {target.architecture}",
            hint=f"build on an {target.architecture} host: commands run on the host's processor",
        )
