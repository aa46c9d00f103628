"""Control files and relationship fields."""

from __future__ import annotations

import pytest

from grocker.debian import control
from grocker.debian.control import Relation


def test_relations_are_groups_of_alternatives_when_the_field_has_all_forms() -> None:
    field = "libc6 (>= 2.38), debconf (>= 0.5) | debconf-2.0, python3:any (<< 3.14),\n awk"
    assert control.relations(field) == (
        (Relation("libc6", ">=", "2.38"),),
        (Relation("debconf", ">=", "0.5"), Relation("debconf-2.0")),
        (Relation("python3", "<<", "3.14", "any"),),
        (Relation("awk"),),
    )


def test_relation_reads_as_it_was_written_when_shown() -> None:
    assert str(control.relations("python3:any (<< 3.14)")[0][0]) == "python3:any (<< 3.14)"


@pytest.mark.parametrize(("written", "meant"), [("<", "<="), (">", ">=")])
def test_relation_includes_the_version_when_the_operator_is_obsolete(written: str, meant: str) -> None:
    assert control.relations(f"a ({written} 1)")[0][0].operator == meant


@pytest.mark.parametrize("field", ["a b", "a (1.0)", "a (>= )", "A", "a (>= 1) (<< 2)", "| a"])
def test_relations_are_refused_when_malformed(field: str) -> None:
    with pytest.raises(ValueError, match="malformed relation"):
        control.relations(field)


@pytest.mark.parametrize("version", ["1:", "1-", "9" * 5000])
def test_relations_are_refused_when_their_version_cannot_be_compared(version: str) -> None:
    with pytest.raises(ValueError, match=r"not a Debian version|limit"):
        control.relations(f"a (>= {version})")


def test_stanzas_are_fields_by_name_when_values_go_on() -> None:
    text = "# note\nPackage: a\nDescription: one\n two\n .\n three\n\n\nPackage: b\nEmpty:\n"
    assert list(control.stanzas(text)) == [
        {"Package": "a", "Description": "one\ntwo\n.\nthree"},
        {"Package": "b", "Empty": ""},
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" lost\n", "continuation line"),
        ("no field\n", "not a field"),
        ("A: 1\nA: 2\n", "duplicate field A"),
        (": x\n", "not a field"),
    ],
)
def test_stanzas_are_refused_when_malformed(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(control.stanzas(text))


def test_stanza_is_refused_when_there_are_two() -> None:
    with pytest.raises(ValueError, match="got 2"):
        control.stanza("A: 1\n\nB: 2\n")
