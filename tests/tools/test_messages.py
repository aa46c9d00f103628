"""The page of messages has what the source says."""

from __future__ import annotations

import ast
import builtins
import textwrap
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE
from tools.messages import Message, page, read

ERRORS = '''
class GrockerError(Exception):
    status = 70

class MissingError(GrockerError):
    status = 66

class GoneError(MissingError):
    """Inherits its status."""
'''


def extract(tmp_path: Path, source: str, name: str = "module.py") -> list[tuple[str, str, str]]:
    package = tmp_path / "grocker"
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / "errors.py").write_text(ERRORS)
    (package / name).write_text(textwrap.dedent(source))
    found = [message for message in read(package) if message.module == f"grocker/{name}"]
    return [(one.kind, one.text, one.hint) for one in found]


@pytest.mark.parametrize(
    ("raised", "row"),
    [
        ('MissingError("no wheel")', ("error 66", "no wheel", "")),
        ('GoneError("gone", hint="build again")', ("error 66", "gone", "build again")),
        ('MissingError(f"{path.name}: no {len(found)}")', ("error 66", "{name}: no {number of found}", "")),
        ('MissingError("a " + kind, hint=HINT)', ("error 66", "a {kind}", "see the log")),
    ],
)
def test_error_is_found_with_its_hint(tmp_path: Path, raised: str, row: tuple[str, str, str]) -> None:
    assert extract(tmp_path, f'HINT = "see the log"\n\ndef f(path, found, kind):\n    raise {raised}\n') == [row]


def test_message_with_two_endings_is_two_rows(tmp_path: Path) -> None:
    rows = extract(tmp_path, 'def f(x):\n    raise MissingError("no file" if x else "no folder")\n')
    assert [text for _, text, _ in rows] == ["no file", "no folder"]


def test_parameter_is_what_the_module_gives(tmp_path: Path) -> None:
    rows = extract(
        tmp_path,
        """
        def fail(what, *, hint):
            raise MissingError(f"reading {what}", hint=hint)

        fail("the lock", hint="grocker lock")
        """,
    )
    assert rows == [("error 66", "reading the lock", "grocker lock")]


def test_text_of_another_module_is_found(tmp_path: Path) -> None:
    (tmp_path / "grocker").mkdir()
    (tmp_path / "grocker" / "remedies.py").write_text("""
REMEDY = "wait a while"

def find_reason(path):
    return f"{path} is gone"
""")
    rows = extract(
        tmp_path,
        """
        from grocker.remedies import REMEDY, find_reason

        def f(path):
            raise MissingError(f"no wheel: {find_reason(path)}", hint=REMEDY)
        """,
    )
    assert rows == [("error 66", "no wheel: {path} is gone", "wait a while")]


def test_reasons_that_are_many_are_rows_of_their_own(tmp_path: Path) -> None:
    rows = extract(
        tmp_path,
        """
        def f(kind):
            why = ("it is gone" if kind else "it is old") if kind != 1 else ("it is new" if kind else "it is odd")
            raise MissingError(f"no wheel: {why}")
        """,
    )
    assert {text for kind, text, _ in rows if kind == "detail"} == {"it is gone", "it is old", "it is new", "it is odd"}


def test_error_of_a_class_that_is_known_at_run_time_is_found(tmp_path: Path) -> None:
    rows = extract(tmp_path, 'def f(error):\n    raise type(error)(error.message, hint=f"{error.hint}; try again")\n')
    assert rows == [("detail", "", "{hint}; try again")]


def test_runner_speaks_of_the_container(tmp_path: Path) -> None:
    rows = extract(
        tmp_path,
        """
        USER = 77

        class Failure(Exception):
            def __init__(self, status, message):
                self.message = message

        def f():
            warn("no syslog")
            say("renewed")
            raise Failure(USER, "not as root")
        """,
        "runner/failure.py",
    )
    assert rows == [
        ("container warning", "no syslog", ""),
        ("container log", "renewed", ""),
        ("container 77", "not as root", ""),
    ]


def test_message_of_placeholders_alone_is_left_out(tmp_path: Path) -> None:
    assert extract(tmp_path, "def f(message):\n    raise MissingError(message)\n") == []


@pytest.mark.slow
def test_every_literal_that_an_error_is_raised_with_is_on_the_page() -> None:
    """Nothing is lost on the way: whatever stands literally in a ``raise``."""
    text = page().replace("\\|", "|")
    lost = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                continue
            name = ast.unparse(node.exc.func)
            if not name.endswith(("Error", "Failure")) or hasattr(builtins, name) or "." in name:
                continue  # a library's own error: whoever catches it words the message
            for inner in _strings(node.exc):
                if len(inner) > 12 and inner.strip().replace("\n", "⏎") not in text:
                    lost.append(f"{path.name}:{node.lineno}: {inner!r}")
    assert lost == []


def _strings(call: ast.Call) -> list[str]:
    """The literal texts of a message and its hint."""
    given = [*call.args, *(one.value for one in call.keywords if one.arg == "hint")]
    parts = [part for one in given for part in (one.values if isinstance(one, ast.JoinedStr) else [one])]
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


@pytest.mark.slow
def test_rows_are_sorted_by_module() -> None:
    found = read()
    assert found == sorted(found)
    assert Message("grocker/a.py", 2, "x", "", "") < Message("grocker/b.py", 1, "x", "", "")
