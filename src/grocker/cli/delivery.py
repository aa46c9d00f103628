"""What a sink did, for people and as data: the same for ``build``, ``push`` and ``load``; and data as a line."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from grocker.images import Delivered


def line(delivered: Delivered) -> str:
    """One line; every name where there are several. A registry's digest was said already."""
    names = delivered.place
    if delivered.kind == "registry":
        names = ", ".join(name.partition("@")[0] for name in delivered.names)
    return f"  {delivered.kind}: {names}: {delivered.detail}"


def as_data(delivered: Delivered) -> dict[str, Any]:
    """An element of ``outputs`` in a result (docs/reference/outputs.md)."""
    result: dict[str, Any] = {
        "kind": delivered.kind,
        "place": delivered.place,
        "names": list(delivered.names),
        "new_bytes": delivered.new_bytes,
        "detail": delivered.detail,
    }
    if delivered.transfer is not None:
        result["blobs"] = msgspec.structs.asdict(delivered.transfer)
    return result


def as_line(document: Any) -> str:
    """``document`` as one line of JSON, which is UTF-8: a path that is none has U+FFFD for the bytes that are not."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
