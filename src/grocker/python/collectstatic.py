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
from grocker.python.indexes import hide_credentials
from grocker.python.toolchain import BuildRoot
from grocker.runner.contract import names
from grocker.sandbox.run import find_isolation, run
from grocker.sandbox.sandbox import Bind, Limits, Sandbox
from grocker.store.writing import storage
from grocker.tar.entry import Directory, Entry
from grocker.tar.unpack import link_tree, unpack

FORMAT = 1
"""Goes into step keys: raised when the same image would give other files."""
_ACTION = "collecting static files"
_LIMITS = Limits(seconds=900)
HARMLESS = {
    "SECRET_KEY": "collectstatic-has-no-secret-key-0123456789-abcdefghijklmnop",
    "DJANGO_SECRET_KEY": "collectstatic-has-no-secret-key-0123456789-abcdefghijklmnop",
    "DATABASE_URL": "sqlite:///:memory:",
    "ALLOWED_HOSTS": "localhost",
    "DEBUG": "0",
}
"""what settings commonly take from the environment"""
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
    """absolute paths of all imported modules"""


def collect(
    root: BuildRoot,
    wheels: Path,
    application: Sequence[Entry],
    *,
    variables: Mapping[str, str],
    directory: str,
    media: Sequence[str],
    scratch: Path,
) -> tuple[CollectAnswer, Path]:
    """Run collectstatic; return what it said, and the directory below ``scratch`` with what it collected.

    ``root``: the image's Debian packages. ``wheels``: a tree with its environment. ``application``: its own files.
    ``variables``: of the environment. ``directory``: where it runs. ``media``: directories that are in ``/media`` when
    it starts. ``scratch``: an empty directory in the store. A run that dies is an answer too. Raises NoSandboxError.
    """
    image, build = scratch / "image", scratch / "build"
    with storage(_ACTION, scratch):
        for made in (image, build / "static", build / "home", scratch / "sandbox", scratch / "media"):
            made.mkdir(parents=True)
        for path in media:
            (scratch / "media" / path).mkdir(parents=True, exist_ok=True)
    isolation = find_isolation(scratch / "sandbox")
    link_tree(wheels, image)
    with storage(_ACTION, image):
        for entry in application:
            if not isinstance(entry, Directory):
                (image / entry.path).unlink(missing_ok=True)  # its layer is above those of the wheels
    unpack(application, image)
    binds = (
        Bind(image / "opt", "/opt"),
        Bind(build, "/build", is_writable=True),
        Bind(scratch / "media", names.MEDIA, is_writable=True),
    )
    program = (Path(__file__).parent / "_collect_static.py").read_text()
    request = json.dumps(["/build/static", "/build/answer.json"])
    try:
        output = run(
            Sandbox(root.tree, binds, {**HARMLESS, **variables, **_FIXED}, limits=_LIMITS),
            [f"{names.VENV}/bin/python", "-P", "-s", "-c", program, request],
            isolation=isolation,
            scratch=scratch / "sandbox",
            directory=directory,
            action=_ACTION,
        )
    except UnavailableError as error:
        return CollectAnswer(error.message), build / "static"
    answer = build / "answer.json"
    if _is_file(answer):
        try:
            said = msgspec.json.decode(local_file.read(answer), type=CollectAnswer)
            return msgspec.structs.replace(said, error=hide_credentials(said.error)), build / "static"
        except (OSError, msgspec.DecodeError, RecursionError):
            pass
    lines = hide_credentials(output.stdout.decode("utf-8", "replace")).strip().splitlines()
    return CollectAnswer(lines[-1] if lines else f"exit status {output.status}"), build / "static"


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
            if _is_file(Path(above, name))
        )


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
