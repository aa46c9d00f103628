"""The origin that the user names: a project's directory, a script, a wheel, or a release on a package index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from grocker.errors import MissingError, UsageError
from grocker.regex import regex

_EXTRAS = regex(r"^(?P<rest>.+?)\[(?P<extras>[^\[\]]*)\]\Z")


class Origin(msgspec.Struct, frozen=True):
    """Where an application comes from."""

    kind: Literal["project", "script", "wheel", "release"]
    text: str
    """as the user wrote it"""
    path: Path | None = None
    """of a project, a script or a wheel"""
    requirement: str = ""
    """of a release: PEP 508"""
    name: str = ""
    """of a release: the distribution, normalised"""
    extras: tuple[str, ...] = ()
    """normalised, sorted"""
    passed: tuple[str, ...] = ()
    """what was looked at to find the project in ``path`` below the directory that the user named"""

    @property
    def is_bare(self) -> bool:
        """Whether a release is a mere word, which may have been meant as a directory or a script."""
        return self.kind == "release" and re.fullmatch(r"[\w.-]+", self.text) is not None

    @property
    def likely(self) -> str:
        """What a mere word may have been meant as."""
        return "script" if self.text.endswith(".py") else "directory"


def parse_origin(text: str, directory: Path) -> Origin:
    """What ``text`` names, relative to ``directory``.

    A path if it looks like one (a separator, a leading dot, the ending ``.whl``) or if there is such a directory or
    script; else a release, written as a requirement (``polls[ldap]==1.2``, ``discord.py``).

    Raises UsageError, MissingError.
    """
    if " @ " in text:
        return _release(text)
    match = _EXTRAS.match(text)
    rest, extras = (match["rest"], _extras(match["extras"], text)) if match else (text, ())
    if rest.endswith(".whl"):
        path = directory / rest
        if not path.is_file():
            raise MissingError(f"wheel {rest} not found", hint="give the path of a .whl file, or a release: NAME==1.0")
        return Origin("wheel", text, path, extras=extras)
    path = directory / rest
    if rest.endswith(".py") and path.is_file():
        if extras:
            raise UsageError(f"{text!r}: a script has no extras", hint=f"grocker build {rest}")
        return Origin("script", text, path)
    if "/" in rest or rest.startswith(".") or (rest and path.is_dir()):
        if not path.is_dir():
            state = "is a file, but neither a wheel nor a script" if path.exists() else "does not exist"
            raise MissingError(
                f"{rest} {state}", hint="give a project's directory, a script, a .whl file, or a release: NAME==1.0"
            )
        return Origin("project", text, path, extras=extras)
    found = _release(text)
    _refuse_mistyped(found, directory)
    return found


def _refuse_mistyped(release: Origin, directory: Path) -> None:
    """Raise MissingError for a bare word that resembles a directory or script: a typo must not install a stranger's."""
    from difflib import get_close_matches

    if not release.is_bare:
        return
    is_wanted = Path.is_file if release.likely == "script" else Path.is_dir
    there = [one.name for one in directory.iterdir() if is_wanted(one) and not one.name.startswith(".")]
    near = get_close_matches(release.text, there, 1, 0.8)
    if near:
        raise MissingError(
            f"{release.likely} {release.text} not found",
            hint=f"did you mean {near[0]}? For the release on the index: '{release.text}>=0'",
        )


def _release(text: str) -> Origin:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{text!r} is not a directory, a script, a wheel or a release: {reason}",
            hint="give a project's directory, a .whl file, or a release: NAME, NAME==1.0, NAME[extra]>=1.0",
        ) from error
    if requirement.marker is not None:
        raise UsageError(f"{text!r}: markers are not supported here", hint="remove the marker, after the semicolon")
    extras = tuple(sorted(_normal(extra) for extra in requirement.extras))
    return Origin("release", text, requirement=text, name=_normal(requirement.name), extras=extras)


def _extras(text: str, whole: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or not all(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", name) for name in names):
        raise UsageError(f"{whole!r}: invalid extras [{text}]", hint="write them as in ./app-1.0-py3-none-any.whl[a,b]")
    return tuple(sorted({_normal(name) for name in names}))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
