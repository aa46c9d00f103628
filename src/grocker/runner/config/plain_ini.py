"""Reads plain INI files without configparser, whose import takes longer than the rest of a command's start.

The result is exactly configparser's. Files with more than sections and one-line values, and files with errors, are left
to configparser. Contract: C4, C5. Pure.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Sections = dict[str, dict[str, str]]

_DEFAULT = "DEFAULT"  # its keys belong to every section


def read_plain(text: str) -> Sections | None:
    """Return keys and values by section, in order; None when the file is not plain."""
    sections: Sections = {}
    keys: dict[str, str] | None = None
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        # Readers may disagree about other white space and line ends.
        if not line.replace("\t", " ").isprintable():
            return None
        value = line.strip()
        if not value or value[0] in "#;":
            continue
        if line[0] in " \t":
            return None  # it may continue the value above
        if value[0] == "[":
            name = value[1:-1]
            if value[-1] != "]" or not name or "[" in name or "]" in name or name == _DEFAULT or name in sections:
                return None
            keys = sections[name] = {}
            continue
        end = min((at for at in (value.find("="), value.find(":")) if at >= 0), default=0)
        key = value[:end].rstrip().lower()
        if keys is None or not key or key in keys:
            return None
        keys[key] = value[end + 1 :].strip()
    return sections


def merge(over: Sections, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Add a file's sections to those of the files before it."""
    for name, keys in sections.items():
        over.setdefault(name, {}).update(keys)


def format_plain(sections: Mapping[str, Mapping[str, str]]) -> str:
    """Return the text that configparser would write."""
    lines = []
    for name, keys in sections.items():
        lines.append(f"[{name}]\n")
        lines += [f"{key} = {value}\n".replace("\n", "\n\t", value.count("\n")) for key, value in keys.items()]
        lines.append("\n")
    return "".join(lines)
