"""Which tests prove which clause of the contract, and under which engines: docs/development/contract-tests.md.

A test proves the clause that its name begins with, ``test_E5_…``, and those of its marker ``clause``; one that begins
with ``test_document_`` the contract's "Text that must work as written". This is a plugin of pytest too, which says what
is collected.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "development" / "contract-tests.md"
CONTRACT = ROOT / "docs" / "reference" / "image-contract.md"
TEXT = "Text"
"""stands for the contract's commands"""
ENGINES = ("docker", "podman", "rootless podman")
NONE = "none"

_INTO = "GROCKER_CLAUSES_INTO"
_NAMED = re.compile(r"test_([A-Z][0-9]+)_")
_HEAD = """\
# What proves the contract

Each clause of the [image contract](../reference/image-contract.md) is tested in real containers, under docker and under
podman; faults, and what does not involve an engine, under one or none. `make docs` generates this page from the tests,
and a test checks that it is current. The tests are below `tests/e2e`; `pytest -k test_E5_` runs those whose names begin
with a clause.

| clause | docker | podman | rootless podman | no engine |
| --- | --- | --- | --- | --- |
"""
_MIDDLE = """
## The tests

| clause | shows | engines | in |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """A test function. ``engines``: those of ENGINES that it runs under."""

    clauses: tuple[str, ...]
    name: str
    path: str
    engines: tuple[str, ...]

    @property
    def words(self) -> str:
        """The test's name without its prefix, as words."""
        return re.sub(r"^test_([A-Z][0-9]+_|document_)?", "", self.name).replace("_", " ")


def clauses() -> tuple[str, ...]:
    """Return the contract's clause identifiers, in its order, and TEXT."""
    found = re.findall(r"^\| ([A-Z][0-9]+) \|", CONTRACT.read_text("utf-8"), re.MULTILINE)
    return (*found, TEXT)


@cache
def collected() -> tuple[Proof, ...]:
    """Return what pytest collects below tests/e2e."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with tempfile.NamedTemporaryFile() as into:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", __name__, "tests/e2e"],
            env=environ | {_INTO: into.name},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return tuple(
            Proof(tuple(proved), name, path, tuple(engines))
            for proved, name, path, engines in json.loads(Path(into.name).read_text())
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the collected proofs, one for each function (a pytest hook)."""
    found: dict[tuple[str, str], tuple[list[str], set[str]]] = {}
    for item in session.items:
        name = getattr(item, "originalname", item.name)
        proved = [*_NAMED.findall(name), *([TEXT] if name.startswith("test_document_") else [])]
        proved += [str(one) for mark in item.iter_markers("clause") for one in mark.args]
        path = str(item.path.relative_to(ROOT / "tests" / "e2e"))
        if proved:
            found.setdefault((path, name), (proved, set()))[1].update(_engines(item))
    rows = [(proved, name, path, sorted(engines)) for (path, name), (proved, engines) in found.items()]
    Path(os.environ[_INTO]).write_text(json.dumps(rows))


def _engines(item: pytest.Item) -> set[str]:
    marked = {mark.name for mark in item.iter_markers()}
    if "rootless" in marked:
        return {"rootless podman"}
    return marked & set(ENGINES)


def contract_tests() -> str:
    """Return the page."""
    proofs = collected()
    known = clauses()
    unknown = {one for proof in proofs for one in proof.clauses} - set(known)
    assert not unknown, f"no clauses of the contract: {', '.join(sorted(unknown))}"
    text = _HEAD
    for clause in known:
        own = [proof for proof in proofs if clause in proof.clauses]
        counts = [sum(engine in proof.engines for proof in own) for engine in ENGINES]
        counts.append(sum(not proof.engines for proof in own))
        text += f"| {clause} | {' | '.join(str(count or '–') for count in counts)} |\n"
    text += _MIDDLE
    for clause in known:
        for proof in sorted((p for p in proofs if clause in p.clauses), key=lambda p: (p.path, p.name)):
            text += f"| {clause} | {proof.words} | {', '.join(proof.engines) or NONE} | `{proof.path}` |\n"
    return text


def lacking(proofs: Sequence[Proof]) -> set[tuple[str, str]]:
    """Return the clauses that have no test under docker or podman, each with that engine."""
    return {
        (clause, engine)
        for clause in clauses()
        for engine in ("docker", "podman")
        if not any(clause in proof.clauses and engine in proof.engines for proof in proofs)
    }
