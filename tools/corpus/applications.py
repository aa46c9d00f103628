"""The applications of a corpus, as a TOML list describes them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

import msgspec


class Application(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One application: where it comes from, its least configuration, and what counts as an answer."""

    name: str
    release: str = ""
    """requirement of a release on the package index; or else:"""
    repository: str = ""
    """address to clone"""
    commit: str = ""
    directory: str = "."
    """of the repository: what is built"""
    arguments: tuple[str, ...] = ("start", "www")
    """of the container"""
    env: dict[str, str] = msgspec.field(default_factory=dict)
    """variables of the container: the least configuration of its README"""
    ini: str = ""
    """settings of the container, mounted below /config/app"""
    needs: tuple[Literal["postgres", "redis"], ...] = ()
    """servers that its README tells to run beside it; they listen on localhost"""
    files: dict[str, str] = msgspec.field(default_factory=dict)
    """files that its README tells to write, mounted: text by the absolute path in the container"""
    first: tuple[tuple[str, ...], ...] = ()
    """commands to run in the started container before the page is asked, such as a migration"""
    get: str = ""
    """page on port 8080; empty for a command, which has to exit with status 0"""
    says: str = ""
    """text in the page, or in the command's output"""


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    application: tuple[Application, ...]


class CloneError(Exception):
    """A repository that cannot be cloned."""


def read_list(path: Path) -> tuple[Application, ...]:
    """Read a list. Raises msgspec.ValidationError for one that is malformed."""
    found = msgspec.toml.decode(path.read_bytes(), type=_List).application
    for one in found:
        if bool(one.release) == bool(one.repository and one.commit):
            raise msgspec.ValidationError(f"{one.name}: expected either release, or repository and commit")
    return found


def clone(application: Application, place: Path, mirror: Path | None) -> Path:
    """Clone the repository at its commit into ``place``, and return the directory to build. Raises CloneError.

    ``mirror``: directory of bare repositories, named ``OWNER/NAME.git``, to use where it has the repository.
    """
    source = application.repository
    if mirror is not None:
        owner, name = source.removesuffix(".git").rsplit("/", 2)[-2:]
        if (held := mirror / owner / f"{name}.git").is_dir():
            source = str(held)
    place.mkdir(parents=True)
    for words in (
        ["init", "--quiet"],
        ["fetch", "--quiet", "--depth", "1", source, application.commit],
        ["checkout", "--quiet", "FETCH_HEAD"],
    ):
        done = subprocess.run(["git", *words], cwd=place, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise CloneError(f"git {words[0]} {source}: {last}")
    return place / application.directory
