"""Run Django's collectstatic as the image would: its interpreter, packages, wheels and application, in a sandbox."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from grocker import local_file
from grocker.errors import UnavailableError
from grocker.platforms.interpreters import program_arguments
from grocker.python.indexes import hide_credentials
from grocker.python.toolchain import BuildRoot
from grocker.runner.contract import names
from grocker.sandbox.run import find_isolation, is_left, run
from grocker.sandbox.sandbox import Bind, Limits, Sandbox
from grocker.store.writing import storage
from grocker.tar.entry import Entry, File
from grocker.tar.unpack import unpack

FORMAT = 5
"""Goes into step keys: raised when the same image would give other files."""
_ACTION = "collecting static files"
_OPT = "opt"
"""the directory of the image with its environment and the application"""
_LIMITS = Limits(seconds=900)
HARMLESS = {
    "SECRET_KEY": "collectstatic-has-no-secret-key-0123456789-abcdefghijklmnop",
    "DJANGO_SECRET_KEY": "collectstatic-has-no-secret-key-0123456789-abcdefghijklmnop",
    "DATABASE_URL": "sqlite:///:memory:",
    "ALLOWED_HOSTS": "localhost",
    "DEBUG": "0",
}
"""what settings commonly take from the environment"""
_OTHERS: tuple[Mapping[str, str | None], ...] = (
    {"DEBUG": "False"},
    {"DATABASE_URL": None},
    {"DATABASE_URL": "postgres://user:password@localhost:5432/name"},
    {"DEBUG": "False", "DATABASE_URL": None},
)
"""values to try one after the other: settings that parse a variable themselves may know one form, or do without"""
_FIXED = {
    "PATH": f"{names.VENV}/bin:/usr/bin:/bin",
    "VIRTUAL_ENV": names.VENV,
    "HOME": "/build/home",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
}


class CollectAnswer(msgspec.Struct, frozen=True):
    """What a run said."""

    error: str = ""
    """why it failed: the last line of its traceback"""
    is_installed: bool = False
    """whether ``django.contrib.staticfiles`` is among INSTALLED_APPS; otherwise nothing was collected"""
    root: str = ""
    """STATIC_ROOT, absolute; empty if there is none"""
    url: str = ""
    """STATIC_URL"""
    serves_itself: bool = False
    """whether WhiteNoise is among its middleware"""
    read: tuple[str, ...] = ()
    """absolute paths of the modules that were imported, and of all files of Python that were opened"""


def collect(
    root: BuildRoot,
    wheels: Path,
    application: Sequence[Entry],
    *,
    variables: Mapping[str, str],
    directory: str,
    media: Sequence[str],
    scratch: Path,
    release: tuple[int, int],
    bytecode: Sequence[Bind] = (),
) -> tuple[CollectAnswer, Path]:
    """Run collectstatic; return what it said, and the directory below ``scratch`` with what it collected.

    ``root``: the image's Debian packages. ``wheels``: a tree with its environment. ``application``: its own files.
    ``variables``: of the environment. ``directory``: where it runs. ``media``: directories that are in ``/media``
    when it starts. ``scratch``: an empty directory in the store. ``release``: of the interpreter. ``bytecode``: see
    ``native_bytecode``. A run that dies is an answer too. If all runs fail, the first one's answer counts. Raises
    NoSandboxError.
    """
    image = scratch / "image"
    with storage(_ACTION, scratch):
        image.mkdir(parents=True)
    binds = [*compose_image(wheels, application, image), *bytecode]
    texts = [one.data for one in application if isinstance(one, File) and isinstance(one.data, bytes)]
    fixed = {name for name in HARMLESS if name in variables or not any(name.encode() in text for text in texts)}
    answers = []
    for number, other in enumerate(({}, *(one for one in _OTHERS if fixed.isdisjoint(one)))):
        chosen = {key: value for key, value in {**HARMLESS, **other}.items() if value is not None}
        place = scratch / str(number)
        answers.append((_run(root, binds, {**chosen, **variables, **_FIXED}, directory, media, place, release), place))
        if not answers[-1][0].error:
            break
    answer, place = answers[-1] if not answers[-1][0].error else answers[0]
    return answer, place / "build" / "static"


def compose_image(wheels: Path, application: Sequence[Entry], image: Path) -> list[Bind]:
    """Return binds that show ``/opt`` of an image: the environment in the tree ``wheels``, the application above it.

    Nothing of the tree is linked, which would change its files, or copied. ``image``: an empty directory for the
    application, and for places to bind to. Raises StorageError, CannotWriteError.
    """
    unpack(application, image)
    binds = [Bind(image / _OPT, f"/{_OPT}")]
    left = [_OPT]
    with storage(_ACTION, image):
        while left:
            path = left.pop()
            source, target = wheels / path, image / path
            if is_left(source, stat.S_ISDIR) and is_left(target, stat.S_ISDIR):
                left += (f"{path}/{name}" for name in os.listdir(source))
            elif os.path.lexists(target):
                continue  # the application's layer is above those of the wheels
            elif source.is_symlink():
                target.symlink_to(os.readlink(source))
            else:
                if source.is_dir():
                    target.mkdir()
                else:
                    target.touch()
                binds.append(Bind(source, f"/{path}"))
    return binds


def _run(
    root: BuildRoot,
    image: Sequence[Bind],
    variables: Mapping[str, str],
    directory: str,
    media: Sequence[str],
    scratch: Path,
    release: tuple[int, int],
) -> CollectAnswer:
    """Run collectstatic once, in ``scratch``, which does not exist yet. ``image``: what is above the root."""
    build = scratch / "build"
    with storage(_ACTION, scratch):
        for made in (build / "static", build / "home", scratch / "sandbox", scratch / "media"):
            made.mkdir(parents=True)
        for path in media:
            (scratch / "media" / path).mkdir(parents=True, exist_ok=True)
    binds = (
        *image,
        Bind(build, "/build", is_writable=True),
        Bind(scratch / "media", names.MEDIA, is_writable=True),
    )
    program = (Path(__file__).parent / "_collect_static.py").read_text()
    request = json.dumps(["/build/static", "/build/answer.json"])
    isolation = find_isolation(scratch / "sandbox")
    try:
        output = run(
            Sandbox(root.tree, binds, variables, limits=_LIMITS),
            [f"{names.VENV}/bin/python", *program_arguments(program, release), request],
            isolation=isolation,
            scratch=scratch / "sandbox",
            directory=directory,
            action=_ACTION,
        )
    except UnavailableError as error:
        return CollectAnswer(error.message)
    answer = build / "answer.json"
    if is_left(answer):
        try:
            said = msgspec.json.decode(local_file.read(answer), type=CollectAnswer)
            return msgspec.structs.replace(said, error=hide_credentials(said.error))
        except (OSError, msgspec.DecodeError, RecursionError):
            pass
    lines = hide_credentials(output.stdout.decode("utf-8", "replace")).strip().splitlines()
    return CollectAnswer(lines[-1] if lines else f"exit status {output.status}")


def copy_collected(source: Path, target: Path) -> None:
    """Copy the regular files of a directory that a sandbox left into an empty one."""
    for place in list_files(source):
        with storage(_ACTION, target):
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            os.chmod(source / place, 0o600)
            shutil.copyfile(source / place, target / place, follow_symlinks=False)


def list_files(directory: Path) -> Iterator[str]:
    """Yield the regular files below a directory, relative to it, sorted by directory."""
    for above, below, files in os.walk(directory):
        below.sort()
        yield from (
            os.path.relpath(os.path.join(above, name), directory)
            for name in sorted(files)
            if is_left(Path(above, name))
        )
