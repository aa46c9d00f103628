"""What the image contract names is written once: in ``grocker.runner.contract.names``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from grocker.runner.contract import names
from tests.architecture.source import for_each, project

MODULES = project()
HOME = "grocker.runner.contract.names"
CONSTANTS = {name: value for name, value in vars(names).items() if name.isupper()}
PORTS = {str(value) for value in CONSTANTS.values() if isinstance(value, int)}
VARIABLES = {name for name in CONSTANTS if name.startswith("GROCKER_")}
PATHS = {
    names.VENV,
    names.APPLICATION,
    names.GROCKER,
    names.CONFIG,
    names.MEDIA,
    names.SCRIPTS,
    names.SCRATCH,
    names.SYSLOG_SOCKET,
}
# A path of the image may be written without its first slash, as in a layer.
WORDS = [rf"/?{re.escape(path.removeprefix('/'))}" if path.count("/") > 1 else re.escape(path) for path in PATHS]
LITERAL = re.compile(rf"(?<![\w./-])(?:{'|'.join([*WORDS, *PORTS, *VARIABLES])})(?![\w-])")


def _literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Constants of a module, without docstrings."""
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in texts and isinstance(node.value, str | int):
            yield node


@for_each(sorted(set(MODULES) - {HOME}))
def test_module_writes_no_port_path_or_variable_of_the_contract(name: str) -> None:
    tree = ast.parse(MODULES[name].path.read_text(encoding="utf-8"))
    found = [(node.lineno, str(node.value)) for node in _literals(tree) if LITERAL.search(str(node.value))]
    assert found == [], f"import it from {HOME}"


@for_each(sorted(set(MODULES) - {HOME}))
def test_module_writes_no_port_of_the_contract_in_its_documentation(name: str) -> None:
    text = MODULES[name].path.read_text(encoding="utf-8")
    assert re.findall(rf"\b(?:{'|'.join(PORTS)})\b", text) == [], "say: the application port, the status port"


def test_literal_is_found_when_it_stands_in_a_text() -> None:
    for text in ("/opt/venv/bin", "opt/grocker/image.json", "port 8080", "/config/app", "GROCKER_LOG=both"):
        assert LITERAL.search(text), text
    for text in ("18080", "/home/me/.docker/config.json", "GROCKER_LOGS", "configuration", "/opt/venvs"):
        assert not LITERAL.search(text), text


def test_name_of_a_variable_is_its_value() -> None:
    assert {name: CONSTANTS[name] for name in VARIABLES} == {name: name for name in VARIABLES}
