"""dpkg's database, for scanners: the installed packages and their files. dpkg itself is not in the image.

Source: dpkg(1), FILES; deb-control(5). Paths are the packages' own, unmerged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from grocker.debian.facts import Facts
from grocker.tar.entry import Directory, Entry, File

_ADMIN = "var/lib/dpkg"
_SCRIPTS = frozenset({"preinst", "postinst", "prerm", "postrm", "config"})
_OTHER_FORM = frozenset({"control", "list", "md5sums"})
"""control files that have another form in the records"""


def entries(facts: Iterable[Facts]) -> list[Entry]:
    """The records of ``facts``, which are sorted by name."""
    made: list[Entry] = [Directory(_ADMIN), Directory(f"{_ADMIN}/info")]
    status: list[str] = []
    for package in facts:
        status.append(_stanza(package, "installed"))
        made += _lists(package)
    made.append(File(f"{_ADMIN}/info/format", b"1\n"))
    made.append(File(f"{_ADMIN}/status", "\n".join(status).encode()))
    return made


def working_entries(
    facts: Iterable[Facts], control: Mapping[str, Mapping[str, bytes]], pending: Collection[str]
) -> list[Entry]:
    """The records with which dpkg itself can configure packages.

    ``facts``: as in ``entries``. ``control``: by name the control files of each. ``pending``: names of the packages
    that are not configured yet.
    """
    made: list[Entry] = [Directory(f"{_ADMIN}/{name}") for name in ("alternatives", "info", "parts", "updates")]
    status: list[str] = []
    for package in facts:
        status.append(_stanza(package, "unpacked" if package.name in pending else "installed"))
        made += _lists(package)
        # dpkg processes the triggers of all packages, as at their first installation; those of others are settled.
        unused = _OTHER_FORM if package.name in pending else _OTHER_FORM | {"triggers"}
        for name, data in control[package.name].items():
            if name not in unused:
                mode = 0o755 if name in _SCRIPTS else 0o644
                made.append(File(f"{_ADMIN}/info/{record_name(package)}.{name}", data, mode))
    made += _triggers({name: control[name]["triggers"] for name in pending if "triggers" in control[name]})
    made.append(File(f"{_ADMIN}/info/format", b"1\n"))
    made.append(File(f"{_ADMIN}/status", "\n".join(status).encode()))
    return made


def record_name(package: Facts) -> str:
    """The name of its records: ``libc6:amd64`` where several architectures can be installed."""
    same = package.fields.get("Multi-Arch") == "same"
    return f"{package.name}:{package.architecture}" if same else package.name


def _lists(package: Facts) -> list[Entry]:
    name = record_name(package)
    listed = "".join(f"/{path}\n" for path in package.paths)
    made: list[Entry] = [File(f"{_ADMIN}/info/{name}.list", f"/.\n{listed}".encode())]
    if package.md5sums:
        made.append(File(f"{_ADMIN}/info/{name}.md5sums", package.md5sums.encode()))
    return made


def _triggers(declared: Mapping[str, bytes]) -> list[Entry]:
    """The records of what activates a package, by the package's own file. Source: deb-triggers(5)."""
    found: dict[str, list[str]] = {}
    for name in sorted(declared):
        for line in declared[name].decode("utf-8", "replace").splitlines():
            words = line.split()
            if len(words) == 2 and words[0].startswith("interest"):
                kind = "/noawait" if words[0].endswith("-noawait") else ""
                place, text = ("File", f"{words[1]} ") if words[1].startswith("/") else (words[1], "")
                found.setdefault(place, []).append(f"{text}{name}{kind}\n")
    files = [File(f"{_ADMIN}/triggers/{name}", "".join(lines).encode()) for name, lines in sorted(found.items())]
    return [Directory(f"{_ADMIN}/triggers"), *files]


def _stanza(package: Facts, state: str) -> str:
    lines = [f"Package: {package.name}", f"Status: install ok {state}"]
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
