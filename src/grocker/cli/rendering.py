"""Results for people and as data: what several commands print in the same form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from grocker.regex import regex

if TYPE_CHECKING:
    from grocker.images import Delivered

_CONTROLS = regex("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def delivery_line(delivered: Delivered) -> str:
    """Say in one line what a sink did, with every name where there are several; without a registry's digest."""
    names = delivered.place
    if delivered.kind == "registry":
        names = ", ".join(name.partition("@")[0] for name in delivered.names)
    return f"  {delivered.kind}: {names}: {delivered.detail}"


def delivery_data(delivered: Delivered) -> dict[str, Any]:
    """Make an element of a result's ``outputs`` (docs/reference/outputs.md)."""
    from msgspec.structs import asdict

    result: dict[str, Any] = {
        "kind": delivered.kind,
        "place": delivered.place,
        "names": list(delivered.names),
        "new_bytes": delivered.new_bytes,
        "detail": delivered.detail,
    }
    if delivered.transfer is not None:
        result["blobs"] = asdict(delivered.transfer)
    return result


def json_line(document: Any) -> str:
    """Write ``document`` as one line of JSON in UTF-8; bytes of a path that are not UTF-8 become U+FFFD."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
    # JSON permits characters that control a terminal or the direction of its text, other than those below U+0020.
    text = _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def format_size(number: int) -> str:
    """Write ``number`` of bytes in decimal units with three digits: ``67.1 MB``."""
    amount, unit = float(number), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{number} B" if unit == "B" else f"{amount:.{2 if amount < 10 else 1 if amount < 100 else 0}f} {unit}"
