"""Which files are configuration, and in which order they count. Contract: C1, C3."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME_MAX = 255  # bytes, of every file system that a container has
_DIGITS = frozenset("0123456789")


class IniFile(Value):
    """A file that counts: its name, where it is, and whether the operator brought it (else the image)."""

    name: str
    path: str
    operator: bool


class Names(Value):
    """The operator's directory, sorted out: what counts, and what is to be mentioned."""

    counted: tuple[str, ...]
    unnumbered: tuple[str, ...]
    ignored: tuple[str, ...]


def sort_out(names: Iterable[str]) -> Names:
    """C1: ``*.ini`` counts, other names are mentioned, those of Kubernetes and of editors' locks are passed over."""
    seen = sorted(name for name in names if not name.startswith(("..", ".#")))
    # As the shell's *.ini, and getconf's: a leading dot is not matched.
    counted = [name for name in seen if name.endswith(".ini") and not name.startswith(".")]
    return Names(
        counted=tuple(counted),
        unnumbered=tuple(name for name in counted if priority(name) is None),
        ignored=tuple(name for name in seen if name not in set(counted)),
    )


def priority(name: str) -> int | None:
    """The number in front of a name, ``^[0-9]+[_-]``, or None."""
    digits = len(name) - len(name.lstrip("0123456789"))
    if not digits or not _DIGITS.issuperset(name[:digits]) or name[digits : digits + 1] not in ("_", "-"):
        return None
    return int(name[:digits])


def in_order(files: Iterable[IniFile]) -> list[IniFile]:
    """C3, the weakest first: by number, then the image's before the operator's, then by name; unnumbered ones last."""
    return sorted(files, key=_key)


def _key(file: IniFile) -> tuple[int, int, int, str]:
    number = priority(file.name)
    if number is None:
        return (1, 0, int(file.operator), file.name)
    return (0, number, int(file.operator), file.name)


def prepared_name(place: int, name: str) -> str:
    """The name of the copy at ``place`` (from 0): sorting these as strings gives the order, as getconf does."""
    prefix = f"{place:06d}_"
    tail = name
    while len(os_encoded(prefix + tail)) > _NAME_MAX:
        tail = tail[1:]
    return prefix + tail


def os_encoded(name: str) -> bytes:
    """A file's name as bytes; names that are not UTF-8 come as surrogates (PEP 383)."""
    return name.encode("utf-8", "surrogateescape")
