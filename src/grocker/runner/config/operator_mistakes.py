"""Warns about configuration that has no effect, or an effect that nobody wants. Contract: C1, C4, V2.

Nothing here is an error: the application starts as the contract says. Each warning names what to change.
"""

from __future__ import annotations

import os

from ..base.failure import warn
from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..contract.names import ContainerLayout
    from .configuration import IniText

_PLACES = frozenset({"app", "crontab", "ssh-dir"})  # of the contract, below /config
_LINK_SCHEMES = ("tcp://", "udp://", "sctp://")


def warn_misplaced_files(layout: ContainerLayout) -> None:
    """Warn about INI files beside the directory that is read: directly below ``/config``, or one level deeper."""
    app = f"{layout.config}/app"
    found: list[str] = []
    for name in sorted(_listed(layout.config)):
        if name in _PLACES or name.startswith("."):
            continue
        path = f"{layout.config}/{name}"
        if name.endswith(".ini"):
            found.append(path)
        elif os.path.isdir(path):
            found += [f"{path}/{inner}" for inner in sorted(_listed(path)) if inner.endswith(".ini")]
    found = [path for path in found if not path.startswith(f"{layout.scratch}/")]
    if found:
        warn(
            f"ignored, because only {app}/*.ini is read: {', '.join(found)}; move them, or mount their directory, there"
        )


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def warn_mistyped_mounts(layout: ContainerLayout, mounts: str = "/proc/self/mountinfo") -> None:
    """Warn about mounts that differ in one letter from a directory of the contract: ``-v …:/confg``.

    Source: proc_pid_mountinfo(5): the fifth field is the mount point.
    """
    known = (layout.config, layout.media, layout.scripts)
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            points = {line.split(" ")[4] for line in file if line.count(" ") > 4}
    except OSError:
        return
    for point in sorted(points.difference(known)):
        near = [directory for directory in known if _is_near(point, directory)]
        if near:
            warn(f"{point} is mounted, but is not one of the image's directories; did you mean {near[0]}?")


def warn_mistyped_sections(texts: Sequence[IniText], base: str) -> None:
    """Warn about sections of the operator's that differ in one letter from one that the application itself ships.

    ``base``: path of the image's own file. Whether the application reads any other section cannot be known.
    """
    known = {section for text in texts if text.path == base for section in _sections(text.text)}
    for text in texts:
        for section in _sections(text.text):
            if text.path != base and section not in known:
                near = [other for other in sorted(known) if _is_near(section, other)]
                if near:
                    warn(
                        f"{text.path}: the application has no section [{section}] of its own; did you mean [{near[0]}]?"
                    )


def _sections(text: str) -> Iterator[str]:
    for line in text.replace("\r", "\n").split("\n"):
        if line.startswith("[") and line.rstrip().endswith("]"):
            yield line.rstrip()[1:-1]


def _is_near(one: str, other: str) -> bool:
    """Whether one letter is missing, added, replaced or swapped with the next, or only the case differs."""
    if one.lower() == other.lower():
        return True
    if min(len(one), len(other)) < 3:  # db and dc are names of their own
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    left, right = one[start:], other[start:]
    swapped = left[:2] == right[:2][::-1] and left[2:] == right[2:]
    return left[1:] == right or left == right[1:] or left[1:] == right[1:] or swapped


def warn_service_links(texts: Sequence[IniText], namespace: str, environ: Mapping[str, str]) -> None:
    """Warn about keys that variables of Kubernetes' Services, or of docker's links, override.

    A Service ``shop-redis`` gives every pod ``SHOP_REDIS_PORT=tcp://…``: the variable that overrides ``port`` in
    section ``redis`` of the application SHOP. Source: Kubernetes, "Accessing the Service", environment variables.
    """
    stems = tuple(_link_stems(namespace, environ))
    if not stems:
        return
    from .effective_configuration import effective

    for entry in effective(texts, namespace, environ).entries:
        variable = entry.origins[0].variable
        for stem in stems:
            if variable == f"{stem}_PORT" or variable.startswith((f"{stem}_PORT_", f"{stem}_SERVICE_")):
                warn(
                    f"{variable} overrides {entry.key} in [{entry.section}], but comes from a Service named "
                    f"{stem.lower().replace('_', '-')}, not from you; set enableServiceLinks: false in the pod"
                )
                break


def _link_stems(namespace: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the beginnings of names that belong to links: ``SHOP_REDIS``."""
    for name, value in environ.items():
        if name.endswith("_PORT") and name.startswith(namespace) and value.startswith(_LINK_SCHEMES):
            stem = name.removesuffix("_PORT")
            scheme, _, rest = value.partition("://")
            port = rest.rpartition(":")[2]
            if f"{stem}_SERVICE_HOST" in environ or f"{name}_{port}_{scheme.upper()}" in environ:
                yield stem
