from __future__ import annotations

import pytest

from grocker.errors import CorruptError, SettingsError
from grocker.python import Metadata, WheelTarget, check_python
from grocker.python.metadata import normalise_name, parse, parse_entry_points, repair_specifiers

TEXT = """Metadata-Version: 2.4
Name: Polls_Site
Version: 1.0rc1
Summary: Questions
License-Expression: MIT
Requires-Python: >=3.11
Requires-Dist: django>=5
Requires-Dist: psycopg; extra == 'db'
Provides-Extra: DB
Project-URL: Source, https://example.invalid/src
Home-page: https://example.invalid

Requires-Dist: not-a-header
"""


def test_metadata_is_read_from_its_headers() -> None:
    assert parse(TEXT.encode(), "METADATA") == Metadata(
        name="Polls_Site",
        version="1.0rc1",
        requires=("django>=5", "psycopg; extra == 'db'"),
        requires_python=">=3.11",
        extras=("db",),
        summary="Questions",
        license="MIT",
        urls=(("Source", "https://example.invalid/src"), ("homepage", "https://example.invalid")),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"Version: 1\n", "invalid project name ''"),
        (b"Name: ../x\nVersion: 1\n", "invalid project name '../x'"),
        (b"Name: x\n", "invalid version ''"),
        (b"Name: x\nVersion: one\n", "invalid version 'one'"),
        (b"Name: x\nVersion: " + b"9" * 5000 + b"\n", "invalid version '999"),
        (b"Name: \xff\n", "invalid project name '\N{REPLACEMENT CHARACTER}'"),
    ],
)
def test_metadata_is_refused_when_malformed(text: bytes, words: str) -> None:
    with pytest.raises(CorruptError) as caught:
        parse(text, "METADATA of x.whl")
    assert words in caught.value.message
    assert "METADATA of x.whl" in caught.value.message


@pytest.mark.parametrize(
    ("wanted", "full_version", "fits"),
    [
        (">=3.11", "", True),
        (">=3.14", "", False),
        ("<3.13", "3.13.5", False),
        ("", "", True),
        ("==3.13.5", "3.13.5", True),
    ],
)
def test_python_is_checked_against_what_the_project_wants(wanted: str, full_version: str, fits: bool) -> None:
    target = WheelTarget("3.13", full_version=full_version)
    metadata = Metadata("demo", "1.0", requires_python=wanted)
    if fits:
        check_python(metadata, target)
    else:
        with pytest.raises(SettingsError, match="demo 1.0 requires Python"):
            check_python(metadata, target)


@pytest.mark.parametrize("wanted", ["UNKNOWN", "three", "?", ">=" + "9" * 5000])
def test_python_wanted_in_no_known_form_is_any(wanted: str) -> None:
    check_python(Metadata("demo", "1.0", requires_python=wanted), WheelTarget("3.13"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (">=3.6.*", ">=3.6"),
        (">=2.7,", ">=2.7,"),
        (">=2.7.*,", ">=2.7,"),
        (">=2.7,<4.*", ">=2.7,<4"),
        (">=1.0<2.0", ">=1.0,<2.0"),
        ("==1.2*", "==1.2.*"),
        (">dev", ">0.0.0.dev0"),
        (">='1.0'", ">=1.0"),
        (">= 2.7, !=3.0.*", ">= 2.7, !=3.0.*"),
        ("", ""),
        ("what?", "what?"),
    ],
)
def test_specifiers_of_old_metadata_are_read_as_they_were_meant(text: str, meant: str) -> None:
    assert repair_specifiers(text) == meant


def test_metadata_is_read_when_an_author_is_not_utf8() -> None:
    assert parse(b"Name: x\nVersion: 1\nAuthor: Andr\xe9\n", "METADATA").name == "x"


@pytest.mark.parametrize(
    "text",
    ["[my.plugins]\nlegacy = pkg/plugins/legacy.py\n", "[my.plugins]\nlegacy\n", "[x]\na = b:c:d\n", "[x]\na = \n"],
)
def test_entry_points_of_groups_that_nobody_reads_are_not_judged(text: str) -> None:
    data = f"{text}[console_scripts]\nx = m:f\n".encode()
    (point,) = parse_entry_points(data, "entry_points.txt", {"console_scripts"})
    assert (point.name, point.object) == ("x", "f")
    with pytest.raises(CorruptError):
        parse_entry_points(data, "entry_points.txt")


@pytest.mark.parametrize("text", ["x\n", "x = m/f.py\n", "x = m:f:g\n"])
def test_entry_points_of_groups_that_are_read_are_judged(text: str) -> None:
    with pytest.raises(CorruptError, match="expected MODULE or MODULE:OBJECT"):
        parse_entry_points(f"[console_scripts]\n{text}".encode(), "entry_points.txt", {"console_scripts"})


@pytest.mark.parametrize("groups", [None, {"console_scripts"}])
def test_entry_points_are_refused_when_a_line_continues_a_name_without_value(groups: set[str] | None) -> None:
    with pytest.raises(CorruptError, match=r"reading entry_points.txt: "):
        parse_entry_points(b"[console_scripts]\nx\n  m:f\n", "entry_points.txt", groups)


def test_entry_points_keep_case_and_are_sorted() -> None:
    found = parse_entry_points(b"[z.group]\nB = m.n:o.p\na=m\n[a]\nx = m:f [extra]\n", "entry_points.txt")
    assert [(p.group, p.name, p.module, p.object) for p in found] == [
        ("a", "x", "m", "f"),
        ("z.group", "B", "m.n", "o.p"),
        ("z.group", "a", "m", ""),
    ]


@pytest.mark.parametrize(("name", "form"), [("Flask_Login", "flask-login"), ("a.-_b", "a-b"), ("x", "x")])
def test_name_has_one_form(name: str, form: str) -> None:
    assert normalise_name(name) == form


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("==3.11.*", "build for Debian bookworm, which has Python 3.11: --debian bookworm"),
        ("<3.12", "build for Debian bookworm"),
        (">=3.14", "build for Debian forky, which has Python 3.14: --debian forky"),
        ("==3.12.*", 'build with a standalone Python 3.12: set python = "3.12" in [tool.grocker]'),
        (">=3.99", "no Debian suite fits"),
    ],
)
def test_hint_names_the_python_of_the_suites(wanted: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_python(Metadata("demo", "1.0", requires_python=wanted), WheelTarget("3.13"))
    assert str(caught.value.hint).startswith(hint)
