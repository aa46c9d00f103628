"""What a module imports, read from its text."""

from __future__ import annotations

import ast

import pytest

from grocker.python.module_imports import all_imports, line_imports, parse, strings, unconditional_imports

GUARDED = """
import sys
import distutils.util, os
from cgi import escape
from . import imp
try:
    import pipes
except ImportError:
    import telnetlib
if sys.version_info < (3, 12):
    import asyncore
def late():
    import uu
"""


def parsed(text: str) -> ast.Module:
    found = parse(text.encode())
    assert found is not None
    return found


def test_imports_are_unconditional_when_nothing_guards_them() -> None:
    assert unconditional_imports(parsed(GUARDED)) == {"sys", "distutils", "os", "cgi"}


def test_all_imports_are_dotted_and_leave_out_what_the_module_does_without() -> None:
    found = all_imports(parsed(GUARDED), "shop.web")
    assert found == {"sys", "distutils.util", "os", "cgi", "cgi.escape", "shop.web", "shop.web.imp", "uu"}


@pytest.mark.parametrize(
    ("text", "package", "names"),
    [
        ("from .models import Book", "shop", {"shop.models", "shop.models.Book"}),
        ("from ..models import Book", "shop.web", {"shop.models", "shop.models.Book"}),
        ("from . import views", "", set()),
        ("try:\n    import a\nexcept ValueError:\n    import b", "", {"a", "b"}),
        ("try:\n    import a\nexcept (KeyError, ImportError):\n    pass\nelse:\n    import b", "", {"b"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a", "", {"typing", "typing.TYPE_CHECKING"}),
        ("if debug:\n    import a", "", {"a"}),
    ],
)
def test_imports_are_followed_by_package(text: str, package: str, names: set[str]) -> None:
    assert all_imports(parsed(text), package) == names


def test_strings_may_name_modules() -> None:
    text = 'run("main:app")\nAPPS = ["shop.apps.Shop", "not a module", "a/b"]\n'
    assert strings(parsed(text)) == {"main", "shop.apps.Shop"}


def test_source_of_another_python_is_not_parsed() -> None:
    assert parse(b"print 'x'\n") is None
    assert parse(b"\xff\x00") is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a.b, c as d  # why\nimport e; import f\n", {"a.b", "c", "e"}),
        ("from a import b as c, d\r\n", {"a", "a.b", "a.d"}),
        ("from a import (\n    b,  # why (not)\n    c,\n)\n", {"a", "a.b", "a.c"}),
        ("from a import b, \\\n    c\n", {"a", "a.b", "a.c"}),
        ("from . import b\nfrom .c import d\nfrom ..e import f\n", None),
        ("from .... import b\n", set()),
        ("try:\n    import a\nexcept ImportError:\n    pass\n", set()),
        ("important = 1\nfrom_a = 2\n", set()),
    ],
)
def test_imports_that_are_not_indented_are_found_without_parsing(text: str, names: set[str] | None) -> None:
    relative = {"p.q", "p.q.b", "p.q.c", "p.q.c.d", "p.e", "p.e.f"}
    assert set(line_imports(text.encode(), "p.q")) == (relative if names is None else names)
