"""JSON and TOML that somebody else wrote, as values: whatever is wrong with a document is a ValueError.

The decoders of Python's library raise RecursionError for documents that are nested too deeply, and tomllib takes
gigabytes for a key of thousands of parts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from grocker.regex import regex

MOST_DEPTH = 100
"""tables and arrays in one another: every later step may walk them recursively"""
_MOST_KEY = 100
"""parts of a dotted key"""
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_LONG_KEY = regex(rf"(?<![\w\"'-])(?:{_PART}[ \t]*+\.[ \t]*+){{{_MOST_KEY}}}")


def decode_json(data: bytes | str) -> Any:
    """Return the value of a JSON document. Raises ValueError, also for text with a lone surrogate, which is none."""
    import json

    try:
        value = json.loads(data)
        if _has_escapes(data):  # nothing else writes surrogates in JSON
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("a lone surrogate") from error
    return value


def _has_escapes(data: bytes | str) -> bool:
    return b"\\u" in data if isinstance(data, bytes) else "\\u" in data


def decode_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML document, the caller's own. Raises tomllib.TOMLDecodeError, a ValueError."""
    table: dict[str, Any] = _copy(_parse_toml(text))
    return table


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


@lru_cache(maxsize=8)  # a build reads pyproject.toml again for each of several things
def _parse_toml(text: str) -> dict[str, Any]:
    import tomllib

    if len(text) > 2 * _MOST_KEY and _LONG_KEY.search(text):
        raise tomllib.TOMLDecodeError(f"a key of more than {_MOST_KEY} parts")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError as error:
        raise tomllib.TOMLDecodeError("nested too deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise tomllib.TOMLDecodeError(str(error)) from error
    _check_depth(table)
    return table


def _check_depth(table: dict[str, Any]) -> None:
    import tomllib

    level: list[Any] = [table]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise tomllib.TOMLDecodeError(f"nested more than {MOST_DEPTH} levels deep")
