"""The settings' defaults, and the page that tells them."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from grocker.config.listing import list_settings
from grocker.config.settings import Settings
from grocker.platforms.suites import SUITES
from grocker.runner.contract.spec import SERVERS, STOP_SIGNALS
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


def test_list_has_every_setting_with_what_it_expects() -> None:
    listed = dict(list_settings())
    assert sorted(listed) == sorted(fields(inspect.type_info(Settings)))
    assert listed["exclude"] == "a list, each a pattern of files inside the project, such as secrets/ or *.key"
    assert listed["build.env"] == "a table of names, each text without NUL"
    assert listed["debian.suite"] == f"one of {', '.join(sorted(SUITES))}"
    assert listed["services.NAME.workers"] == "a whole number"
    assert listed["services.NAME.static"].startswith("true or false, or a list")


def test_schema_names_the_servers_and_stop_signals_of_the_contract() -> None:
    service = msgspec.json.schema(Settings)["$defs"]["ServiceSettings"]["properties"]
    assert service["server"]["anyOf"][0] == {"enum": sorted(server.name for server in SERVERS)}
    assert service["stop-signal"]["enum"] == sorted(STOP_SIGNALS)
