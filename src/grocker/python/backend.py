"""The environment of a PEP 517 back end, created once by uv and stored, and a call of the back end in it.

Creating the environment is most of the time of ``uv build``: 1.2 of 1.6 seconds with setuptools.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import cache_from_source
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grocker import command, local_file
from grocker.digest import hexadecimal, of
from grocker.errors import CorruptError, StorageError
from grocker.lock.values import BuildRequirement
from grocker.platforms.interpreters import program_arguments
from grocker.python import flat_layout
from grocker.python import uv as _uv
from grocker.python.build_identity import constraint
from grocker.python.indexes import hide_credentials
from grocker.python.metadata import normalise_name
from grocker.python.project import Project
from grocker.python.requirements import parse_requirement
from grocker.python.source_tree import SourceTree
from grocker.python.uv import Uv
from grocker.store import Store
from grocker.store.writing import storage

if TYPE_CHECKING:
    from grocker.python.pylock import WheelBuilder

_FORMAT = 1
_WIDTH = 160
"""characters of the last line that stand in an error's first line"""
_LINES = 20


class HookAnswer(msgspec.Struct, frozen=True):
    """What a back end leaves behind, besides the wheel. Nobody vouches for it."""

    missing: tuple[str, ...] = ()
    """requirements, PEP 508"""
    loaded: tuple[str, ...] = ()
    """paths of sources that lie in its environment"""


def environment(
    store: Store,
    uv: Uv,
    pins: Sequence[BuildRequirement],
    directory: Path,
    builder: Callable[[], WheelBuilder] | None = None,
) -> Path:
    """A virtual environment of the host's Python with exactly ``pins`` in it, from the store or new.

    ``directory``: the project's, whose ``[tool.uv]`` (indexes) counts. ``builder``: returns what builds the wheels of
    those that have none.
    Raises as ``resolution.resolve`` when uv cannot install them.
    """
    lines = [constraint(pin) for pin in pins]
    about = [f"grocker build environment {_FORMAT}", sys.version, os.path.realpath(uv.python), *lines]
    name = "build-" + hexadecimal(of("\n".join(about).encode()))
    with store.lock(f"tree-{name}"):
        tree = store.tree(name)
        if tree is None:
            with store.new_tree(name) as new, store.scratch() as scratch:
                _install(uv, pins, new, directory, scratch, builder)
            tree = store.tree(name)
    assert tree is not None
    return tree


def _install(
    uv: Uv,
    pins: Sequence[BuildRequirement],
    tree: Path,
    directory: Path,
    scratch: Path,
    builder: Callable[[], WheelBuilder] | None,
) -> None:
    requirements, action = scratch / "requirements.txt", "making the environment of the build back end"

    def run(*arguments: str | Path, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        output = _uv.run(uv, arguments, action=action, directory=directory, environment=environment)
        if output.status != 0:
            raise _uv.translate_error(output, action=action, platform="this host")

    run("venv", "--quiet", "--relocatable", "--allow-existing", "--no-project", "--python", uv.python, tree)
    if not pins:
        return
    filled: tuple[str | Path, ...] = ("pip", "install", "--quiet", "--no-deps", "--no-build")
    filled = (*filled, "--python", tree / "bin" / "python", "--requirements", requirements)
    if all(pin.hashes for pin in pins):
        filled = (*filled, "--require-hashes")

    def fill(links: Path | None) -> None:
        found = sorted(links.iterdir()) if links is not None else []
        built = [(normalise_name(path.name.split("-")[0]), path) for path in found]
        with storage("writing", requirements), requirements.open("w", encoding="utf-8") as stream:
            for pin in pins:
                hashes = [of(path.read_bytes()) for name, path in built if name == pin.name and pin.hashes]
                stream.write(constraint(replace(pin, hashes=(*pin.hashes, *hashes))) + "\n")
        run(*filled, environment=uv.links_to(links))

    try:
        fill(None)
    except _uv.NoWheelError as error:
        if builder is None:
            raise
        from grocker.python.built_wheels import ask_with_built  # most build requirements have wheels
        from grocker.python.resolution import build_requirements

        python = ".".join(map(str, sys.version_info[:2]))
        wheels = build_requirements(builder(), uv, python, scratch, directory, pinned=pins)
        if not wheels.add(error.missing):
            raise
        ask_with_built(fill, wheels)


def call(
    project: Project,
    environment: Path,
    tree: SourceTree,
    copy: Path,
    out: Path,
    pins: Sequence[BuildRequirement],
    variables: Mapping[str, str],
    meanwhile: Callable[[], object] | None = None,
) -> HookAnswer:
    """Have the back end of ``project`` write its wheel for ``copy``, a copy of ``tree``, into ``out``.

    ``environment``: its virtual environment. ``variables``: its environment variables, besides PATH.
    ``meanwhile``: called once it runs.
    Nothing is written when the answer has requirements that are not among ``pins``.
    Raises CorruptError when it fails.
    """
    answer = out.parent / "answer.json"
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"building {copy}: {error.filename}: {error.strerror}", hint="check the disk under GROCKER_CACHE"
        ) from error
    command.close_environment()
    output = command.run(
        [environment / "bin" / "python", *hook(project, out, answer, pins)],
        action=f"building {project.name or project.directory.name}",
        environment={"VIRTUAL_ENV": str(environment), **variables, "PATH": f"{environment}/bin:{_uv.PATH}"},
        directory=copy,
        meanwhile=meanwhile,
    )
    if output.status != 0 or not answer.is_file():
        # The reason comes last: a traceback on standard error, after a long log on standard output.
        text = output.stdout.decode("utf-8", "replace") + "\n" + output.stderr if output.status else "it built no wheel"
        if output.status < 0:
            text += f"\nit was killed by signal {-output.status}"
        raise failure(text.replace(f"{copy}/", ""), project.name or project.directory.name, tree)
    return read_answer(answer, project, tree)


def hook(
    project: Project,
    out: Path,
    answer: Path,
    pins: Sequence[BuildRequirement],
    release: tuple[int, int] = sys.version_info[:2],
) -> list[str]:
    """The arguments of an interpreter that has the back end write its wheel into ``out``, and ``answer``.

    ``release``: the interpreter's, by default the host's.
    """
    names = sorted(pin.name for pin in pins)
    program = (Path(__file__).parent / "_hook.py").read_text()
    request = json.dumps([project.backend, project.backend_path, str(out), str(answer), names])
    return [*program_arguments(program, release), request]


def read_answer(answer: Path, project: Project, tree: SourceTree) -> HookAnswer:
    """The answer that ``hook`` left in a file. Raises CorruptError when it is malformed."""
    try:
        said = msgspec.json.decode(local_file.read(answer), type=HookAnswer)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise failure(f"its answer cannot be read: {error}", project.directory.name, tree) from error
    # They become lines of uv's input: each is a requirement, and nothing else.
    return replace(said, missing=tuple(str(parse_requirement(text)) for text in said.missing))


_COMPILE = """
import json, py_compile, sys
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for source in json.load(sys.stdin):
    try:
        py_compile.compile(source, doraise=True, invalidation_mode=mode)
    except (OSError, py_compile.PyCompileError):
        pass
"""


def keep_bytecode(store: Store, uv: Uv, tree: Path, loaded: Sequence[str]) -> None:
    """Compile what a back end loaded from its environment ``tree``, in a Python of its own, for the next call.

    Nothing happens when the environment is no longer what was installed.
    """
    inside = [path for path in loaded if path.startswith(f"{tree}/") and path.endswith(".py") and ".." not in path]
    sources = [path for path in inside if not os.path.exists(cache_from_source(path)) and os.path.isfile(path)]
    if not sources:
        return
    with store.lock(f"tree-{tree.name}"):
        if store.tree(tree.name) is None:
            return
        command.run(
            [uv.python, "-I", "-S", "-c", _COMPILE],
            action="compiling the environment of the build back end",
            environment={"PATH": _uv.PATH, "PYTHONHASHSEED": "0"},
            stdin=json.dumps(sources).encode(),
        )
        store.seal_tree(tree.name)


def failure(text: str, name: str, tree: SourceTree) -> CorruptError:
    """The error of a back end that failed for ``tree``, with its last lines."""
    hint = "reproduce it with: python -m build --wheel"
    missed = [one for one in tree.left_out if one.path in text or f"{one.path.rpartition('/')[2]}'" in text]
    if missed:
        told = "; ".join(f"{one.path}: {one.why}" for one in missed[:3])
        hint = f"Grocker left out {told}; track it in git, or list it where pyproject.toml lists the wheel's files"
    elif "discovered in a flat-layout" in text:
        hint = (
            "add to pyproject.toml, without the directories that are not packages of the application:\n"
            + flat_layout.setuptools_table(flat_layout.list_files(tree.root)).rstrip()
        )
    elif re.search(r"unable to detect version", text, re.IGNORECASE):
        hint = (
            "add a git tag, set the version in [project], or pass it to the back end:"
            " SETUPTOOLS_SCM_PRETEND_VERSION=1.0 grocker build"
        )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", hide_credentials(text))
    lines = [line.rstrip() for line in plain.splitlines() if line.strip()]
    tail = [line for line in lines if not re.match(r"Building wheel|warning:|hint:|  File \"<string>\"", line)]
    why = tail[-1].strip() if tail else "it wrote no message"
    if re.match(r"error: [Cc]ommand ", why):  # setuptools' words for a compiler that failed, which has said why
        why = next((line.strip() for line in tail if re.search(r":\d+: (?:fatal )?error: ", line)), why)
    why = why if len(why) <= _WIDTH else f"{why[:_WIDTH]}…"
    return CorruptError(
        f"building {name}: its build back end failed: {why}\n" + "\n".join("    " + line for line in tail[-_LINES:]),
        hint=hint,
    )
