"""C3, C4: what the real getconf makes of what is prepared."""

from __future__ import annotations

import configparser
import json
import os
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from getconf import ConfigGetter
from hypothesis import given, settings
from hypothesis import strategies as st

from grocker.runner.base import scratch
from grocker.runner.base.failure import Failure
from grocker.runner.config import configuration
from grocker.runner.config.command import show_config
from grocker.runner.config.ini_files import LARGEST, read_file
from grocker.runner.contract.names import ContainerLayout
from grocker.runner.contract.spec import Spec
from tests.support import tricky_configuration as tricky

_KEYS = ("a", "b", "c")
_VALUES = st.text(string.ascii_letters + string.digits + "%$#;=:[]()ä☃ \t", max_size=10).map(str.strip)
_TABLES = st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=3)
_FILES = st.dictionaries(
    st.from_regex(r"(0{0,2}[1-9][0-9]{0,2}[_-])?[a-d]{1,2}\.ini", fullmatch=True),
    st.dictionaries(st.sampled_from(("x", "y", "DEFAULT")), _TABLES, max_size=2),
    max_size=5,
)


def _places(root: Path) -> ContainerLayout:
    (root / "config" / "app").mkdir(parents=True)
    (root / "50_default_settings.ini").write_text("[django]\nmedia_root = /media\n")
    (root / "scratch").mkdir()
    return ContainerLayout(
        config=str(root / "config"),
        scratch=str(root / "scratch"),
        base_settings=str(root / "50_default_settings.ini"),
    )


@pytest.fixture
def layout(tmp_path: Path) -> ContainerLayout:
    return _places(tmp_path)


@pytest.fixture
def app(layout: ContainerLayout) -> Path:
    return Path(layout.config) / "app"


def _write(directory: Path, files: dict[str, dict[str, dict[str, str]]]) -> None:
    for name, sections in files.items():
        text = ""
        for section, keys in sections.items():
            text += f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
        (directory / name).write_text(text, encoding="utf-8")


def _model(files: dict[str, dict[str, dict[str, str]]]) -> dict[str, dict[str, str]]:
    """C3, said once more: numbered files by number, then name; others last, by name; later ones win key by key."""

    def key(name: str) -> tuple[bool, int, str]:
        number = name.replace("-", "_").partition("_")[0]
        return (not number.isdigit(), int(number) if number.isdigit() else 0, name)

    result: dict[str, dict[str, str]] = {}
    for name in sorted(files, key=key):
        for section, keys in files[name].items():
            result.setdefault(section, {}).update(keys)
    return result


@pytest.mark.slow
@settings(deadline=None)  # files are written, on a disk that others use too
@given(_FILES)
def test_configuration_is_read_by_getconf_in_the_order_of_the_contract(
    files: dict[str, dict[str, dict[str, str]]],
) -> None:
    with tempfile.TemporaryDirectory() as root:
        layout = _places(Path(root))
        _write(Path(layout.config) / "app", files)
        assert configuration.prepare_configuration(layout, "POLLS", {}).failures == ()
        with mock.patch.dict(os.environ, {"POLLS_CONFIG": f"{layout.prepared}/*.ini"}, clear=True):
            getter = ConfigGetter("polls")
        merged = configparser.ConfigParser(interpolation=None)
        merged.read(layout.merged, encoding="utf-8")
        model = _model(files)
        for section in ("x", "y"):
            for key in _KEYS:
                expected = model.get(section, {}).get(key)
                if expected is None and section in model:
                    expected = model.get("DEFAULT", {}).get(key)
                assert getter.getstr(f"{section}.{key}", "(none)") == (expected if expected is not None else "(none)")
                assert merged.get(section, key, fallback=None) == expected


def test_configuration_is_the_same_to_getconf_to_the_merged_file_and_to_config(
    layout: ContainerLayout, app: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path(layout.base_settings).write_text(tricky.BASE)
    for name, data in tricky.FILES.items():
        (app / name).write_bytes(data)
    environ = tricky.environ("SHOP")
    assert configuration.prepare_configuration(layout, "SHOP", environ).failures == ()
    scratch.save(layout.scratch, scratch.StartRecord(prepared=environ, given=environ))
    environ |= {"SHOP_CONFIG": f"{layout.prepared}/*.ini", "PYTHONUTF8": "1"}
    line = [sys.executable, "-c", tricky.GETCONF, "shop", *tricky.EXPECTED]
    read = subprocess.run(line, env=environ, capture_output=True, text=True, check=True).stdout
    capfd.readouterr()
    image = Spec(name="shop", version="1", namespace="SHOP", grocker="1", services={})
    assert show_config(image, ("--json", "--show-secrets"), layout) == 0
    assert json.loads(read) == tricky.EXPECTED
    assert tricky.of_merged(Path(layout.merged).read_text("utf-8")) == tricky.EXPECTED
    assert tricky.of_config(capfd.readouterr().out) == tricky.EXPECTED


@settings(deadline=None)
@given(_VALUES, _VALUES)
def test_configuration_variables_are_what_getconf_takes(in_file: str, in_environment: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        layout = _places(Path(root))
        (Path(layout.config) / "app" / "90_x.ini").write_text(f"[my-db]\nuser-name = {in_file}\n", encoding="utf-8")
        environ = {"MY_APP_MY_DB_USER_NAME": in_environment, "MY_APP_CONFIG": f"{layout.prepared}/*.ini"}
        assert configuration.prepare_configuration(layout, "MY_APP", environ).failures == ()
        with mock.patch.dict(os.environ, environ, clear=True):
            found = ConfigGetter("my-app").getstr("my-db.user-name", "(none)")
        merged = configparser.ConfigParser(interpolation=None)
        merged.read(layout.merged, encoding="utf-8")
        assert merged["my-db"]["user-name"] == found == in_environment


def test_configuration_variable_with_many_lines_stays_one_value(layout: ContainerLayout, app: Path) -> None:
    (app / "90_x.ini").write_text("[x]\nkey = file\n")
    configuration.prepare_configuration(layout, "P", {"P_X_KEY": "one\r\n[two]\rthree = 3\n\nfour"})
    merged = configparser.ConfigParser(interpolation=None)
    merged.read(layout.merged)
    assert merged.sections() == ["django", "x"]
    assert merged["x"]["key"] == "one\n[two]\nthree = 3\n\nfour"


def test_configuration_leaves_a_bad_file_out_and_says_so(layout: ContainerLayout, app: Path) -> None:
    (app / "10_bad.ini").write_text("[x]\na = 1\na = 2\n")
    (app / "20_good.ini").write_text("[x]\nb = 1\n")
    failures = configuration.prepare_configuration(layout, "P", {}).failures
    assert [failure.status for failure in failures] == [78]
    assert failures[0].message == f"{app}/10_bad.ini:3: duplicate key a in [x]"
    assert sorted(os.listdir(layout.prepared)) == ["000000_20_good.ini", "000001_50_default_settings.ini"]
    assert "a = " not in Path(layout.merged).read_text()


def test_configuration_is_for_its_user_alone(layout: ContainerLayout, app: Path) -> None:
    (app / "90_x.ini").write_text("[x]\n")
    configuration.prepare_configuration(layout, "P", {})
    files = [Path(layout.merged), *Path(layout.prepared).iterdir()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert Path(layout.prepared).stat().st_mode & 0o777 == 0o700


@pytest.fixture
def _link_loop(app: Path) -> Iterator[None]:
    (app / "loop.ini").symlink_to("loop.ini")
    yield
    (app / "loop.ini").unlink()


@pytest.mark.usefixtures("_link_loop")
def test_configuration_link_to_itself_is_a_failure(layout: ContainerLayout) -> None:
    assert [failure.status for failure in configuration.prepare_configuration(layout, "P", {}).failures] == [78]


def test_configuration_file_that_is_too_large_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "90_x.ini"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(Failure, match="too large for a configuration file"):
        read_file(str(path))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"\xef\xbb\xbf[x]\r\na=1\r\n", "[x]\r\na=1\r\n"),
        ("[x]\nä = ☃".encode(), "[x]\nä = ☃"),
    ],
)
def test_configuration_file_is_utf8(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "x.ini"
    path.write_bytes(data)
    assert read_file(str(path)) == text


def test_configuration_is_a_failure_of_73_when_it_cannot_be_written(layout: ContainerLayout) -> None:
    os.rmdir(layout.scratch)
    with pytest.raises(Failure) as caught:
        configuration.prepare_configuration(layout, "P", {})
    assert caught.value.status == 73
