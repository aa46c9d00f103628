"""The project's own build commands (``npm run build``): what they write becomes files of the project.

They run in a sandbox, over a copy of the project. The result is kept under a key of the commands, the packages that
they run with and the files on which they depend; while that stays the same, nothing runs and no sandbox is made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from grocker.context import Context
from grocker.errors import MissingError, SettingsError
from grocker.inputs.application import ApplicationRequest
from grocker.inputs.produced import FILES, CommandResult, Produced
from grocker.inputs.toolchain import DebianToolchain
from grocker.inputs.tree_files import TreeFiles, read_files
from grocker.platforms.architectures import ARCHITECTURES, BY_MACHINE
from grocker.platforms.target import Target
from grocker.python.selection import Patterns
from grocker.python.source_tree import FileHashes, SourceFile, SourceTree
from grocker.tar.keys import cache_key

FORMAT = 1
"""goes into step keys: raised if the same commands would give other files"""
NPMRC = ".npmrc"
_OLDEST = 315532800
"""seconds: 1980-01-01, before which no zip archive has files"""


def run_build_commands(request: ApplicationRequest) -> Produced | None:
    """Run the commands that the settings name, or return the kept result; None if there are none.

    Raises SettingsError, MissingError, CorruptError for commands that fail, NoSandboxError.
    """
    build, context, directory = request.settings.build, request.context, request.origin.path
    if not build.commands:
        return None
    assert directory is not None
    files = read_files(context, directory, request.settings.include)
    files = replace(files, files=tuple(sorted((*files.files, *_npmrc(files)), key=lambda one: one.path)))
    toolchain = DebianToolchain(context, request.settings, _host(request.target), request.refresh)
    inputs = _choose_inputs(files, build.inputs, build.outputs)
    key = cache_key(
        "build commands",
        FORMAT,
        toolchain.root_key(),
        (build.commands, build.outputs, build.network, sorted(build.env.items()), request.epoch),
        [(one.path, one.digest, one.executable, one.target) for one in inputs],
    )
    with context.store.lock(f"step-{key}"):
        result = _find(context, key)
        if result is None:
            from grocker.inputs import command_run

            run = command_run.CommandRun(
                root=directory,
                tree=SourceTree(directory, files.files, files.digest, FileHashes()),
                settings=build,
                npmrc=tuple(directory / path for path in files.secret if path.rpartition("/")[2] == NPMRC),
                epoch=max(request.epoch, _OLDEST),
            )
            result = command_run.make(context, toolchain, run)
            context.store.keep("steps", key, msgspec.json.encode(result))
    _check_machine(result, request.target)
    tree = context.store.root / "trees" / result.tree / FILES
    made = tuple(
        SourceFile(one.path, one.digest, one.executable, one.target, str(tree / one.path)) for one in result.files
    )
    watched = (*files.watched, *(str(directory / one.path) for one in inputs))
    return Produced(made, result.removed, build.network, watched)


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
    return result if result is not None and context.store.tree(result.tree) is not None else None


def _check_machine(result: CommandResult, target: Target) -> None:
    """Raise MissingError for programs that the image's processor cannot run: commands run on this host's."""
    wanted = ARCHITECTURES[target.architecture].elf_machine
    other = next((one for one in result.files if one.machine not in (0, wanted)), None)
    if other is not None:
        raise MissingError(
            f"build.commands: {other.path} is not a program for {target.architecture}",
            hint=f"build on a {target.architecture} host: commands run on the host's processor",
        )
