"""INI files as most are, read without configparser, whose loading takes longer than all else that a command waits for.

What is read here is exactly what configparser would make of it; where there is more than sections and one-line values
to understand, or anything is wrong, configparser has to be asked. Contract: C4, C5. Pure.
"""

from __future__ import annotations

from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Sections = dict[str, dict[str, str]]

_DEFAULT = "DEFAULT"  # its keys are every section's


def read(text: str) -> Sections | None:
    """Keys and values by section, in their order; None where it is not so plain."""
    sections: Sections = {}
    keys: dict[str, str] | None = None
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        # Not printable: other blanks and line ends than these, about which readers may differ.
        if not line.replace("\t", " ").isprintable():
            return None
        value = line.strip()
        if not value or value[0] in "#;":
            continue
        if line[0] in " \t":
            return None  # it may go on with the value above
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
    """Adds a file's sections to what the files before it say."""
    for name, keys in sections.items():
        over.setdefault(name, {}).update(keys)


def written(sections: Mapping[str, Mapping[str, str]]) -> str:
    """As configparser writes them."""
    lines = []
    for name, keys in sections.items():
        lines.append(f"[{name}]\n")
        lines += [f"{key} = {value}\n".replace("\n", "\n\t", value.count("\n")) for key, value in keys.items()]
        lines.append("\n")
    return "".join(lines)
