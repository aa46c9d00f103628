"""C6: what holds is what is in the merged file; where it is from is told."""

from __future__ import annotations

import configparser
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grocker.runner.config import configuration
from grocker.runner.config.configuration import IniText
from grocker.runner.config.effective_configuration import EffectiveConfiguration, effective
from grocker.runner.contract.names import ContainerLayout

_VALUES = st.text(string.ascii_letters + "%$#;=:[]()ä \t", max_size=8).map(str.strip)
_LINES = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(("a", "B", "c-d")), _VALUES),
    st.sampled_from(("[x]", "[Y y]", "[DEFAULT]", "", "; comment", "  continued", "\t# indented", "e :")),
)
_TEXTS = st.lists(st.lists(_LINES, max_size=12).map("\n".join), max_size=4)
_NAMES = ("NS_X_A", "NS_A", "NS_X_C_D", "NS_Y Y_B", "NS_CONFIG", "NS_SERVICE", "NS_X_NEW")


def _effective(*texts: str, environ: dict[str, str] | None = None) -> EffectiveConfiguration:
    files = [IniText(name=f"{n}.ini", path=f"/{n}.ini", text=text) for n, text in enumerate(texts)]
    return effective(files, "NS", environ or {})


def _held(found: EffectiveConfiguration) -> dict[tuple[str, str], str]:
    return {(entry.section, entry.key): entry.origins[0].value for entry in found.entries}


def test_value_is_of_the_strongest_file_and_names_its_line() -> None:
    found = _effective("[x]\na = 1\nb = 1\n", "; comment\n\n[x]\n\nA : 2\n  more\n")
    assert [(e.key, [(o.value, o.file, o.line) for o in e.origins]) for e in found.entries] == [
        ("a", [("2\nmore", "/1.ini", 5), ("1", "/0.ini", 2)]),
        ("b", [("1", "/0.ini", 3)]),
    ]


def test_variable_beats_all_files_and_names_itself() -> None:
    found = _effective("[x-y]\nis-open = 1\n", environ={"NS_X_Y_IS_OPEN": ""})
    (entry,) = found.entries
    assert [(o.value, o.file, o.variable) for o in entry.origins] == [("", "", "NS_X_Y_IS_OPEN"), ("1", "/0.ini", "")]


def test_variable_makes_a_key_of_a_default_one() -> None:
    found = _effective("[DEFAULT]\nlevel = 1\n[x]\n[y]\n", environ={"NS_X_LEVEL": "2"})
    assert _held(found) == {("DEFAULT", "level"): "1", ("x", "level"): "2"}
    assert found.sections == ("x", "y")


def test_variables_that_are_no_key_are_named() -> None:
    environ = {"NS_X_A": "1", "NS_X_TYPO": "1", "NS_CONFIG": "/x/*.ini", "NS_SERVICE": "www", "NSX_Y": "1"}
    assert _effective("[x]\na = 0\n", environ=environ).unmatched == ("NS_X_TYPO",)


def test_default_section_may_come_twice_in_a_file() -> None:
    found = _effective("[DEFAULT]\na = 1\n[x]\nb = 2\n[DEFAULT]\nc = 3\n")
    assert {(e.section, e.key): e.origins[0].line for e in found.entries} == {
        ("DEFAULT", "a"): 2,
        ("DEFAULT", "c"): 6,
        ("x", "b"): 4,
    }


@pytest.mark.slow
@settings(deadline=None)  # files are written, on a disk that others use too
@given(_TEXTS, st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=3))
def test_effective_configuration_is_that_of_the_merged_file(texts: list[str], environ: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        app = Path(root) / "config" / "app"
        app.mkdir(parents=True)
        scratch = Path(root) / "scratch"
        scratch.mkdir()
        layout = ContainerLayout(config=f"{root}/config", scratch=str(scratch), base_settings=f"{root}/50_x.ini")
        Path(layout.base_settings).write_text("[x]\na = base\n")
        for number, text in enumerate(texts):
            (app / f"{number * 30}_x.ini").write_text(text, "utf-8")
        configuration.prepare_configuration(layout, "NS", environ)
        merged = configparser.ConfigParser(interpolation=None)
        merged.read(layout.merged, "utf-8")
        prepared = configuration.read_prepared(layout)
        found = effective(prepared, "NS", environ)
        held = _held(found)
        assert set(merged.sections()) == set(found.sections)
        for section in merged.sections():
            for key in merged[section]:
                assert held.get((section, key), held.get(("DEFAULT", key))) == merged[section][key]
        assert {key for section, key in held if section == "DEFAULT"} == set(merged.defaults())
        lines = {text.path: text.text.splitlines() for text in prepared}
        for entry in found.entries:
            for origin in entry.origins:
                if origin.file:
                    assert origin.line is not None
                    assert lines[origin.file][origin.line - 1].lower().startswith(entry.key)
