"""Check that what services run is in the image: a mistake appears at the build, not when a container starts."""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from grocker.errors import SettingsError
from grocker.inputs.application import Application
from grocker.inputs.validation import find_modules
from grocker.layers.provided import Provided
from grocker.progress import Progress
from grocker.python.module_imports import parse
from grocker.regex import regex
from grocker.runner.contract import names
from grocker.runner.contract.spec import Service
from grocker.tar.entry import File, Symlink

_FRAMEWORKS = frozenset(
    (
        *("django", "flask", "fastapi", "starlette", "quart", "litestar", "streamlit", "gradio", "celery", "sanic"),
        *("bottle", "falcon", "aiohttp", "tornado", "pyramid", "dash", "connexion", "flask_restx"),
    )
)
"""what an application cannot start without, if its module imports it"""
_BUILTINS = frozenset(
    (
        *("cd", "echo", "exec", "exit", "export", "set", "trap", "test", "[", "true", "false", ":", ".", "eval"),
        *(
            "ulimit",
            "umask",
            "wait",
            "read",
            "printf",
            "while",
            "for",
            "if",
            "until",
            "case",
            "kill",
            "command",
            "unset",
        ),
    )
)
"""words of the shell"""
_APPLICATION = f"{names.APPLICATION.removeprefix('/')}/"
_PYTHON = ("python", "python3")
_UNKNOWN = regex(r"^\s*from\s+\S+\s+import\s+\*|\bglobals\(\)|\bexec\(|sys\.modules\[|\bdef __getattr__\(", re.M)


class _Problem(msgspec.Struct, frozen=True):
    what: str
    hint: str
    is_certain: bool = True
    """false: the application may mean it"""


class _Image(msgspec.Struct, frozen=True):
    """What a service finds in the image."""

    application: Application
    provided: Provided
    uncompiled: Mapping[str, str]
    roots: tuple[str, ...]
    """entry paths of the application's directories on ``sys.path``, and of the one where the service starts"""
    directory: str | None
    """where the service starts, None for the home"""
    modules: frozenset[str]
    """the application's own, dotted"""
    files: Mapping[str, File | Symlink]
    """the application's own, by path"""
    series: str
    """Python's: ``3.13``"""

    @property
    def links(self) -> set[str]:
        return {path for path, entry in self.files.items() if isinstance(entry, Symlink)}

    def source(self, module: str) -> tuple[str, str] | None:
        """Return the path below its root and the text of a module of the application; None for a compiled one."""
        for root in self.roots:
            for ending in (".py", "/__init__.py"):
                path = f"{root}/{module.replace('.', '/')}{ending}"
                file = self.files.get(path)
                if isinstance(file, File) and isinstance(file.data, bytes):
                    return path, file.data.decode("utf-8", "replace")
        return None

    def short(self, path: str) -> str:
        return next((path.removeprefix(f"{root}/") for root in self.roots if path.startswith(f"{root}/")), path)


def check_services(
    application: Application,
    table: Mapping[str, Service],
    provided: Provided,
    uncompiled: Mapping[str, str],
    progress: Progress,
    *,
    series: str,
    variables: Mapping[str, str],
) -> None:
    """Check every service's program, module and attribute, the frameworks that they import, and Django's settings.

    ``provided``: by the other packages of the image; ``uncompiled``: why sources of the application did not compile,
    by path; ``series``: Python's; ``variables``: the image's. Raises SettingsError for a service that cannot start;
    warns where something outside the image may mend it.
    """
    files = {entry.path: entry for entry in application.installed.entries if isinstance(entry, File | Symlink)}

    def image_for(directory: str | None) -> _Image:
        roots = application.roots or (application.installed.site,)
        if directory is not None and directory.strip("/") not in roots:  # servers look there too
            roots = (*roots, directory.strip("/"))
        modules = find_modules(application.installed, roots)
        return _Image(application, provided, uncompiled, roots, directory, modules, files, series)

    for name, service in sorted(table.items()):
        image = image_for(service.directory or application.directory)
        # The operator, or the image itself, adds directories that nothing here knows.
        elsewhere = "PYTHONPATH" in variables or "PYTHONPATH" in service.env or "PATH" in service.env
        for problem in _problems(image, service):
            message = f"service {name}: {problem.what}"
            if problem.is_certain and not elsewhere:
                raise SettingsError(message, hint=problem.hint)
            progress.warn(message, problem.hint)
    image = image_for(application.directory)
    _warn_of_settings(image, progress)
    _warn_of_uncompiled(image, progress)


def _problems(image: _Image, service: Service) -> Iterator[_Problem]:
    target = service.wsgi or service.asgi
    if target is not None:
        yield from _target_problems(image, target)
    elif service.command is not None:
        yield from _command_problems(image, service.command)


def _target_problems(image: _Image, target: str) -> Iterator[_Problem]:
    module, _, attribute = target.partition(":")
    yield from _module_problems(image, module, f"{target!r}")
    if module not in image.modules:
        return
    found = image.source(module)
    if found is None or found[0] in image.uncompiled:
        return
    name = re.split(r"[.(\[]", attribute, maxsplit=1)[0]
    bound = _bound_names(found[1])
    if bound is not None and name not in bound:
        yield _Problem(
            f"{image.short(found[0])} defines no {name}",
            f"name an object of the module, MODULE:ATTRIBUTE; it defines {_some(bound) or 'nothing'}",
        )


def _module_problems(image: _Image, module: str, named: str) -> Iterator[_Problem]:
    """Yield what keeps a module from being imported. ``named``: as the service names it."""
    top = module.partition(".")[0]
    if module not in image.modules:
        tops = {one.partition(".")[0] for one in image.modules}
        if top in tops:
            yield _Problem(
                f"{image.application.installed.name} has no module {module}",
                f"fix {named}, or the list of packages in pyproject.toml",
                is_certain=top not in image.provided.modules,
            )
        elif top not in image.provided.modules and top not in sys.stdlib_module_names:
            remedy = f"fix {named}, or add the package that provides {top} to the project's requirements"
            yield _Problem(f"nothing in the image provides the module {top}", _in_group(image, top) or remedy)
        return
    found = image.source(module)
    if found is None:
        return
    path, text = found
    if path in image.uncompiled:
        yield _Problem(
            f"{image.short(path)} is not valid Python {image.series}: {image.uncompiled[path]}",
            "fix the file, or choose another Python with requires-python or .python-version",
        )
        return
    for missing in _missing_imports(image, text):
        yield _Problem(
            f"{image.short(path)} imports {missing}, which is not in the image",
            _in_group(image, missing) or f"add the package that provides {missing} to the project's requirements",
            is_certain=missing in _FRAMEWORKS,
        )


def _in_group(image: _Image, name: str) -> str:
    """Return the hint for a module or program that a dependency group of the project has; empty if none does."""
    from grocker.python import find_group

    project = image.application.project
    group = find_group(project.directory, name) if project is not None else None
    if group is None:
        return ""
    groups = ", ".join(f'"{one}"' for one in (*image.application.groups, group))
    return f"{name} is in the dependency group {group}; set groups = [{groups}] in [tool.grocker]"


def _command_problems(image: _Image, command: Sequence[str] | str) -> Iterator[_Problem]:
    """Yield what keeps a command from running; nothing for a shell line of several commands."""
    from grocker.config import command_lines

    lines = [tuple(command)] if not isinstance(command, str) else list(command_lines.commands(command))
    if len(lines) != 1 or not lines[0]:
        return
    words = lines[0]
    while words and (words[0] in ("env", "exec") or command_lines.is_assignment(words[0])):
        words = words[1:]
    if not words or "$" in words[0] or (isinstance(command, str) and words[0] in _BUILTINS):
        return
    program = words[0]
    if "/" not in program and program not in image.provided.programs and not _is_own_command(image, program):
        yield _Problem(
            f"nothing in the image provides the program {program}",
            _in_group(image, program)
            or "fix the command, or add the package that has it to the project's requirements"
            " (a Debian package: to dependencies in [tool.grocker])",
        )
        return
    yield from _file_problems(image, program if "/" in program else "")
    arguments = [word for word in words[1:] if word]
    if program in _PYTHON and arguments and not arguments[0].startswith("-"):
        yield from _file_problems(image, arguments[0])
    if program in _PYTHON and arguments[:1] == ["-m"] and arguments[1:2]:
        package = f"{arguments[1]}.__main__"  # a directory of modules need not be a package to be run
        module = package if package in image.modules else arguments[1]
        yield from _module_problems(image, module, f"python -m {arguments[1]}")
    if program == "streamlit" and arguments[:1] == ["run"]:
        yield from _file_problems(image, next((word for word in arguments[1:] if word.endswith(".py")), ""))
    served = command_lines.served_application(words)
    if served is not None and not any(word.startswith(("--chdir", "--app-dir", "--pythonpath")) for word in words):
        yield from _target_problems(image, served[1])


def _file_problems(image: _Image, path: str) -> Iterator[_Problem]:
    """Yield a problem if a service names a file, relative to where it starts, that the application lacks."""
    if not path or image.directory is None or path.startswith("/") or "$" in path:
        return
    place = posixpath.normpath(f"{image.directory.strip('/')}/{path}")
    parents = {place.rsplit("/", count)[0] for count in range(place.count("/") + 1)}
    if not place.startswith(_APPLICATION) or image.application.writable or not parents.isdisjoint(image.links):
        return  # a link may lead into the user's files
    if place not in image.files and not any(one.startswith(f"{place}/") for one in image.files):
        yield _Problem(
            f"{image.directory} has no file {path}", "fix the command, or check what is left out of the image"
        )


def _is_own_command(image: _Image, name: str) -> bool:
    return any(path.endswith(f"/bin/{name}") for path in image.files)


def _missing_imports(image: _Image, text: str) -> list[str]:
    """Return the outermost modules that a source imports unconditionally and that are nowhere, sorted."""
    module = parse(text)
    if module is None:
        return []  # of another Python than the one that runs this
    wanted: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Import):
            wanted |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            wanted.add(node.module.partition(".")[0])
    own = {one.partition(".")[0] for one in image.modules}
    return sorted(wanted - own - image.provided.modules - sys.stdlib_module_names)


def _bound_names(text: str) -> frozenset[str] | None:
    """Return the names that a module defines; None if that cannot be told without running it."""
    if _UNKNOWN.search(text):
        return None
    tree = parse(text)
    if tree is None:
        return None
    names: set[str] = set()
    for node in _outside_functions(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Global):
            names.update(node.names)
    return frozenset(names)


def _outside_functions(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes of a module; of functions and classes only themselves and what they declare global."""
    left: list[ast.AST] = list(tree.body)
    while left:
        node = left.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.Global))
        else:
            left += ast.iter_child_nodes(node)


def _warn_of_settings(image: _Image, progress: Progress) -> None:
    module = image.application.django_settings_module
    if module is None or module in image.modules:
        return
    if module.partition(".")[0] in image.provided.modules:
        return
    progress.warn(
        f"Django's settings module {module} is not in the image",
        "pass another one to the container as DJANGO_SETTINGS_MODULE, or check what is left out of the image",
    )


def _warn_of_uncompiled(image: _Image, progress: Progress) -> None:
    if not image.uncompiled:
        return
    path, why = min(image.uncompiled.items())
    rest = len(image.uncompiled) - 1
    progress.warn(
        f"{image.short(path)} is not valid Python {image.series}: {why}" + (f"; and {rest} more" if rest else ""),
        "fix the files, or choose another Python with requires-python or .python-version",
    )


def _some(names: frozenset[str]) -> str:
    shown = sorted(name for name in names if not name.startswith("_"))
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")
