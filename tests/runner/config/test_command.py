"""C6: ``grocker-runner config``, on configuration that is prepared as a container's start does."""

from __future__ import annotations

import configparser
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grocker.runner.base import scratch
from grocker.runner.base.failure import Failure
from grocker.runner.config import configuration
from grocker.runner.config.command import show_config
from grocker.runner.contract.names import ContainerLayout
from grocker.runner.contract.spec import Spec

_SPEC = Spec(name="shop", version="1", namespace="SHOP", grocker="1", services={})
_FILE = """\
[shop]
title = The shop
greeting = Hello
  and welcome
colour = \x1b[31m

[db]
url = postgres://app:hunter2@db/shop
password = hunter2
"""

Call = Callable[..., tuple[str, str]]


@pytest.fixture
def layout(tmp_path: Path) -> ContainerLayout:
    app = tmp_path / "config" / "app"
    app.mkdir(parents=True)
    (app / "90_shop.ini").write_text(_FILE)
    base = tmp_path / "50_default_settings.ini"
    base.write_text("[shop]\ntitle = (none)\ndebug = false\n[db]\npassword = older\n")
    return ContainerLayout(config=str(tmp_path / "config"), scratch=str(tmp_path / "scratch"), base_settings=str(base))


def _start(layout: ContainerLayout, **given: str) -> None:
    scratch.create(layout.scratch)
    failures = configuration.prepare_configuration(layout, "SHOP", given).failures
    first = failures[0].message if failures else ""
    scratch.save(layout.scratch, scratch.StartRecord(prepared=given, given=given, failure=first))


@pytest.fixture
def call(layout: ContainerLayout, capfd: pytest.CaptureFixture[str]) -> Call:
    def called(*arguments: str, warned: bool = False) -> tuple[str, str]:
        assert show_config(_SPEC, arguments, layout, warned=warned) == 0
        done = capfd.readouterr()
        return done.out, done.err

    return called


def _json(call: Call, *arguments: str) -> Any:
    return json.loads(call("--json", *arguments)[0])


def test_config_command_prints_each_value_with_its_place(call: Call, layout: ContainerLayout) -> None:
    _start(layout, SHOP_SHOP_TITLE="Given")
    assert call() == (
        f"""\
[shop]
# variable SHOP_SHOP_TITLE
title = Given
# {layout.base_settings}:3
debug = false
# {layout.config}/app/90_shop.ini:3
greeting = Hello
	and welcome
# {layout.config}/app/90_shop.ini:5
colour = \\x1b[31m

[db]
# {layout.config}/app/90_shop.ini:9
password = ********
# {layout.config}/app/90_shop.ini:8
url = postgres://********@db/shop
""",
        "",
    )


def test_config_command_output_is_the_merged_file_when_secrets_are_shown(call: Call, layout: ContainerLayout) -> None:
    (Path(layout.config) / "app" / "90_shop.ini").write_text(_FILE.replace("\x1b", ""))
    _start(layout, SHOP_DB_PASSWORD="hunter3")
    printed = configparser.ConfigParser(interpolation=None)
    printed.read_string(call("--show-secrets")[0])
    merged = configparser.ConfigParser(interpolation=None)
    merged.read(layout.merged)
    assert printed == merged
    assert printed["db"]["password"] == "hunter3"


def test_config_command_explains_what_a_value_overrides(call: Call, layout: ContainerLayout) -> None:
    _start(layout, SHOP_SHOP_TITLE="Given", SHOP_SHOP_TITEL="x")
    out, _ = call("--explain")
    app = f"{layout.config}/app/90_shop.ini"
    assert f"title = Given\n#   overrides {app}:2: The shop\n#   overrides {layout.base_settings}:2: (none)\n" in out
    assert f"password = ********\n#   overrides {layout.base_settings}:5: ********\n" in out
    assert out.endswith("\n# matching no key: SHOP_SHOP_TITEL\n")
    configparser.ConfigParser(interpolation=None).read_string(out)


def test_config_command_is_data_when_asked_for_json(call: Call, layout: ContainerLayout) -> None:
    _start(layout, SHOP_SHOP_TITLE="Given", SHOP_SHOP_TITEL="x")
    found = _json(call)
    app = f"{layout.config}/app/90_shop.ini"
    assert {name: found[name] for name in ("namespace", "prepared", "failures", "files", "unmatched")} == {
        "namespace": "SHOP",
        "prepared": True,
        "failures": [],
        "files": [layout.base_settings, app],
        "unmatched": ["SHOP_SHOP_TITEL"],
    }
    assert found["sections"]["db"]["password"] == {
        "value": "********",
        "masked": True,
        "file": app,
        "line": 9,
        "beats": [{"value": "********", "masked": True, "file": layout.base_settings, "line": 5}],
    }
    assert found["sections"]["shop"]["title"]["variable"] == "SHOP_SHOP_TITLE"
    assert found["sections"]["shop"]["colour"]["value"] == "\x1b[31m"
    assert _json(call, "--show-secrets")["sections"]["db"]["url"]["value"] == "postgres://app:hunter2@db/shop"


def test_config_command_tells_what_was_prepared_and_not_what_stands_there_now(
    call: Call, layout: ContainerLayout
) -> None:
    _start(layout)
    (Path(layout.config) / "app" / "90_shop.ini").write_text("[shop]\ntitle = Later\n")
    assert _json(call)["sections"]["shop"]["title"]["value"] == "The shop"


def test_config_command_tells_what_stands_there_when_nothing_was_prepared(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SHOP_TITLE", "Given")
    found = _json(call)
    assert (found["prepared"], found["sections"]["shop"]["title"]["value"]) == (False, "Given")


@pytest.mark.parametrize("prepared", [True, False])
def test_config_command_warns_of_a_file_that_is_wrong(call: Call, layout: ContainerLayout, prepared: bool) -> None:
    bad = Path(layout.config) / "app" / "80_bad.ini"
    bad.write_text("hunter2\n")
    if prepared:
        _start(layout)
    out, err = call()
    assert err == f"grocker: warning: {bad}:1: expected a [section] first\n"
    assert "title = The shop" in out
    assert call(warned=True)[1] == ""
    assert _json(call)["failures"] == [f"{bad}:1: expected a [section] first"]


def test_config_command_warns_when_the_application_looks_elsewhere(call: Call, layout: ContainerLayout) -> None:
    _start(layout, SHOP_CONFIG="/elsewhere/*.ini", GROCKER_CONFIG_FILE=layout.merged)
    assert call()[1] == (
        "grocker: warning: SHOP_CONFIG is set: "
        "programs that use it read /elsewhere/*.ini, not the configuration below\n"
    )


@pytest.mark.parametrize("word", ["--nonsense", "json", ""])
def test_config_command_refuses_other_arguments(layout: ContainerLayout, word: str) -> None:
    with pytest.raises(Failure) as caught:
        show_config(_SPEC, ("--json", word), layout)
    assert caught.value.status == 64


def test_config_command_says_how_it_is_called(call: Call) -> None:
    assert call("--help")[0].startswith("usage: grocker-runner config [--explain]")


def test_config_command_says_so_when_what_was_prepared_is_damaged(layout: ContainerLayout) -> None:
    _start(layout)
    os.unlink(layout.sources)
    with pytest.raises(Failure) as caught:
        show_config(_SPEC, (), layout)
    assert caught.value.status == 78


def test_config_command_says_so_when_the_container_is_someone_elses(layout: ContainerLayout) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    _start(layout)
    os.chown(layout.scratch, 4242, 0)
    with pytest.raises(Failure) as caught:
        show_config(_SPEC, (), layout)
    assert caught.value.status == 77
