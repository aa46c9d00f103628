"""What a project's wheel depends on, as a key: apart from what builds it, which a wheel that is there does not need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from grocker.digest import Digest, of
from grocker.lock.values import BuildRequirement
from grocker.python.source_tree import SourceTree

FORMAT = 2
"""Goes into step keys: raised when the same tree and pins would give another wheel."""

_OLDEST_PYTHON = (3, 11)


def constraint(pin: BuildRequirement, *, hashes: bool = True) -> str:
    """``pin`` as a line of a constraints file."""
    marker = f" ; {pin.marker}" if pin.marker else ""
    return f"{pin.name}=={pin.version}{marker}" + "".join(f" --hash={one}" for one in pin.hashes if hashes)


def read_constraint(text: str) -> BuildRequirement:
    """Return the pin that ``constraint`` wrote without hashes."""
    pin, _, marker = text.partition(" ; ")
    name, _, version = pin.partition("==")
    return BuildRequirement(name, version, marker)


def oldest_python(release: tuple[int, int] | None) -> str:
    """Return the oldest Python that build requirements are pinned for; ``release``: of the image's Python."""
    major, minor = min(_OLDEST_PYTHON, release or _OLDEST_PYTHON)
    return f"{major}.{minor}"


def build_key(
    tree: SourceTree, pins: Sequence[BuildRequirement], epoch: int, variables: Mapping[str, str] = MappingProxyType({})
) -> str:
    """A digest of all that the wheel depends on: the tree, its git repository, pins, epoch and variables.

    ``variables``: further environment variables of the back end. Raises StorageError when the repository cannot be
    read.
    """
    state = tree.git_state or of(tree.repository.read_state() if tree.repository is not None else b"")
    return key_of((tree.digest, state), pins, epoch, variables)


def key_of(source: Sequence[str], pins: Sequence[BuildRequirement], epoch: int, variables: Mapping[str, str]) -> Digest:
    """A digest of what a back end gets: what ``source`` says of the tree and its repository, and the rest of it."""
    lines = [
        f"grocker project wheel {FORMAT}",
        *source,
        str(epoch),
        *(constraint(pin) for pin in pins),
        *(f"{name}={variables[name]!r}" for name in sorted(variables)),
    ]
    return of("\n".join(lines).encode())
