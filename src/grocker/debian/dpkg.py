"""dpkg's database, for scanners: the installed packages and their files. dpkg itself is not in the image.

Source: dpkg(1), FILES; deb-control(5). Paths are the packages' own, unmerged.
"""

from __future__ import annotations

from collections.abc import Iterable

from grocker.debian.facts import Facts
from grocker.tar.entry import Directory, Entry, File

_ADMIN = "var/lib/dpkg"


def entries(facts: Iterable[Facts]) -> list[Entry]:
    """The records of ``facts``, which are sorted by name."""
    made: list[Entry] = [Directory(_ADMIN), Directory(f"{_ADMIN}/info")]
    status: list[str] = []
    for package in facts:
        status.append(_stanza(package))
        same = package.fields.get("Multi-Arch") == "same"
        name = f"{package.name}:{package.architecture}" if same else package.name
        listed = "".join(f"/{path}\n" for path in package.paths)
        made.append(File(f"{_ADMIN}/info/{name}.list", f"/.\n{listed}".encode()))
        if package.md5sums:
            made.append(File(f"{_ADMIN}/info/{name}.md5sums", package.md5sums.encode()))
    made.append(File(f"{_ADMIN}/info/format", b"1\n"))
    made.append(File(f"{_ADMIN}/status", "\n".join(status).encode()))
    return made


def _stanza(package: Facts) -> str:
    lines = [f"Package: {package.name}", "Status: install ok installed"]
    for field, value in package.fields.items():
        if field == "Package":
            continue
        first, *rest = value.split("\n")
        lines.append(f"{field}: {first}" if first else f"{field}:")
        lines.extend(f" {line}" for line in rest)
    if package.conffiles:
        lines.append("Conffiles:")
        lines.extend(f" {path} {md5}" for path, md5 in sorted(package.conffiles.items()))
    return "\n".join(lines) + "\n"
