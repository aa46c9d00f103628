"""The settings' defaults, and the page that tells them."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from grocker.config.settings import Settings
from grocker.platforms.suites import SUITES
from tests.architecture.source import ROOT

PAGE = ROOT / "docs" / "reference" / "settings.md"


def fields(info: Any, prefix: str = "") -> list[str]:
    found = []
    for field in info.fields:
        kind = field.type
        if isinstance(kind, inspect.DictType):
            kind = kind.value_type
            if isinstance(kind, inspect.StructType):
                found += fields(kind, f"{prefix}{field.encode_name}.NAME.")
                continue
        if isinstance(kind, inspect.StructType):
            found += fields(kind, f"{prefix}{field.encode_name}.")
        else:
            found.append(prefix + field.encode_name)
    return found


def told() -> list[str]:
    return re.findall(r"^\| `([a-zA-Z.-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)


def test_page_tells_every_setting_once() -> None:
    assert sorted(told()) == sorted(fields(inspect.type_info(Settings)))


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
def test_examples_of_the_page_are_settings(block: str) -> None:
    import tomllib

    table: Any = tomllib.loads(block)
    msgspec.convert(table["tool"]["grocker"], Settings)


def test_schema_names_the_suites_of_the_table() -> None:
    schema = msgspec.json.schema(Settings)
    suite = schema["$defs"]["DebianSettings"]["properties"]["suite"]
    assert suite == {"anyOf": [{"enum": sorted(SUITES)}, {"type": "null"}], "default": None}
