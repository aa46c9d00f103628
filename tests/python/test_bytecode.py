from __future__ import annotations

import importlib.util
import marshal
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from grocker.errors import GrockerError, MissingError
from grocker.python import Compiler, InterpreterTree, add_bytecode, bytecode, compile_sources
from grocker.python.bytecode import pyc_path
from grocker.tar.entry import Directory, File

pytestmark = pytest.mark.slow

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
TAG = str(sys.implementation.cache_tag)
LOADER = '#!/bin/sh\nshift 3\nexec "$@"\n'


@pytest.fixture
def interpreter(tmp_path: Path) -> InterpreterTree:
    """The interpreter of the tests, laid out as an image has it; what stands for the loader only runs it."""
    usr = tmp_path / "usr"
    (usr / "bin").mkdir(parents=True)
    (usr / "lib64").mkdir()
    (usr / "bin" / f"python{MINOR}").symlink_to(Path(sys.executable).resolve())
    (usr / "lib").symlink_to(Path(sys.base_prefix) / "lib")
    loader = usr / "lib64" / "ld-linux-x86-64.so.2"
    loader.write_text(LOADER)
    loader.chmod(0o755)
    return InterpreterTree(tmp_path, MINOR, "amd64")


def test_pyc_is_unchecked_hash_and_names_the_path_in_the_image(interpreter: InterpreterTree) -> None:
    source = b"def f():\n    return __file__\n"
    ((path, pyc),) = compile_sources(interpreter, [("opt/app/x.py", source)])
    assert path == f"opt/app/__pycache__/x.{TAG}.pyc"
    assert pyc[:4] == importlib.util.MAGIC_NUMBER
    assert pyc[4:8] == b"\1\0\0\0"
    assert pyc[8:16] == importlib.util.source_hash(source)
    assert marshal.loads(pyc[16:]).co_filename == "/opt/app/x.py"


def test_pyc_bytes_do_not_depend_on_order_company_or_process(interpreter: InterpreterTree) -> None:
    body = (
        'def {0}(m):\n    if m in {{"forkserver", "spawn"}}:\n'
        '        return ("a b", 1.0, -0.0, {{"x y": 2}})\n    return b"z"\n'
    )
    sources = [
        (f"a/m{n}.py", ("'''doc'''\n" + "".join(body.format(f"f{k}_{n % 7}") for k in range(n % 5 + 1))).encode())
        for n in range(150)
    ]
    first = dict(compile_sources(interpreter, sources))
    for seed in (1, 2):
        random.Random(seed).shuffle(sources)
        assert dict(compile_sources(interpreter, sources)) == first
    for source in sources[:3]:
        ((path, pyc),) = compile_sources(interpreter, [source])
        assert first[path] == pyc


def compiled(source: str | bytes, room: dict[str, Any]) -> bytes:
    code, seen = room["canonical"](compile(source, "/x.py", "exec", dont_inherit=True))
    data = marshal.dumps(code)
    del seen
    return data


def strings(one: object) -> Iterator[str]:
    if isinstance(one, str):
        yield one
    elif isinstance(one, (tuple, frozenset)):
        for part in one:
            yield from strings(part)
    elif isinstance(one, CodeType):
        own = (one.co_name, one.co_qualname)
        yield from strings((own, one.co_names, one.co_varnames, one.co_cellvars, one.co_freevars, one.co_consts))


@pytest.fixture
def room() -> dict[str, Any]:
    """The functions of ``_compile.py``."""
    program = (Path(bytecode.__file__).parent / "_compile.py").read_text().removesuffix("\nmain()\n")
    room: dict[str, Any] = {}
    exec(program, room)
    return room


MADE_UP = "".join(
    f"def f{n}(zq_argument):\n    zq_name.zq_attribute\n    class ZqClass: pass\n"
    f"    return {n}.5, 'zq_alone', zq_argument in {{'zq_one', 'zq_two'}}, 'zq λ and', 'µ'\n"
    for n in range(3)
)


def test_code_is_canonical_when_strings_of_it_are_interned_already(room: dict[str, Any]) -> None:
    """The worst company: everything that could be interned is. Without ``canonical`` this fails."""

    def plain(source: str | bytes) -> bytes:
        return marshal.dumps(compile(source, "/x.py", "exec", dont_inherit=True))

    library = Path(os.__file__).parent
    sources: list[str | bytes] = [MADE_UP]
    sources += [path.read_bytes() for path in sorted((library / "email").glob("*.py"))]
    changed = 0
    for source in sources:
        before = plain(source), compiled(source, room)
        words = sorted(set(strings(compile(source, "/x.py", "exec", dont_inherit=True))))
        company = [sys.intern((word + "x")[:-1]) for word in words]
        after = plain(source), compiled(source, room)
        assert before[1] == after[1]
        changed += before[0] != after[0]
        assert len(company) == len(words)
    assert changed, "this interpreter needs no canonical form any more"


def test_pyc_means_the_same_as_the_source(interpreter: InterpreterTree) -> None:
    source = (
        b"import math\nA = 0.0, -0.0, 1, True, 1.0, 'x', b'x', ..., None, frozenset((1,))\n"
        b"def f(x, *, y=(1, 2)):\n    z = 3\n    class C:\n"
        b"        def g(self):\n            return z, x in {1, 'a', b'a'}\n"
        b"    return C().g(), y\nB = f(1)\nC = [math.copysign(1, n) for n in A[:2]]\n"
    )
    ((_, pyc),) = compile_sources(interpreter, [("x.py", source)])
    ours: dict[str, object] = {}
    plain: dict[str, object] = {}
    exec(marshal.loads(pyc[16:]), ours)
    exec(source, plain)
    for name in "ABC":
        assert repr(ours[name]) == repr(plain[name])


@pytest.mark.parametrize(
    "source", [b"print 'python 2'\n", b"x = 1\0\n", b"# coding: nonsense\n", b"\xff\xfe", b"(" * 5000, b"return\n"]
)
def test_source_is_passed_over_when_it_does_not_compile(interpreter: InterpreterTree, source: bytes) -> None:
    found = compile_sources(interpreter, [("bad.py", source), ("good.py", b"x = 1\n")])
    assert [path for path, _ in found] == [f"__pycache__/good.{TAG}.pyc"]


def test_compiler_gives_results_in_the_order_of_the_sources(interpreter: InterpreterTree) -> None:
    sources = [(f"p/{n}.py", b"x = 1\n" * (n % 50)) for n in range(500)]
    with Compiler(interpreter, processes=3) as compiler:
        assert compiler.cache_tag == TAG
        for _ in range(2):
            found = [path for path, _ in compiler.compile(iter(sources))]
            assert found == [f"p/__pycache__/{n}.{TAG}.pyc" for n in range(500)]


def test_entries_get_bytecode_beside_their_sources(interpreter: InterpreterTree) -> None:
    with Compiler(interpreter) as compiler:
        found = add_bytecode(
            compiler,
            [
                Directory("a"),
                File("a/x.py", b"x = 1\n", uid=5, gid=6),
                Directory("a/__pycache__"),
                File(f"a/__pycache__/x.{TAG}.pyc", b"stale"),
                File("a/x.txt", b"x"),
                File("opt/venv/bin/command.py", b"x = 1\n"),
                File("top.py", b"x = 1\n"),
            ],
            checked=False,
        )
    assert [entry.path for entry in found] == [
        *("__pycache__", f"__pycache__/top.{TAG}.pyc", "a", "a/__pycache__", f"a/__pycache__/x.{TAG}.pyc"),
        *("a/x.py", "a/x.txt", "opt/venv/bin/command.py", "top.py"),
    ]
    pyc = found[4]
    assert isinstance(pyc, File)
    assert (pyc.uid, pyc.gid, pyc.mode) == (5, 6, 0o644)
    assert isinstance(pyc.data, bytes)
    assert pyc.data[4:8] == b"\1\0\0\0"


_OLD, _NEW = b"VALUE = 'old'\n", b"VALUE = 'new'\n"


@pytest.mark.parametrize(("checked", "runs"), [(True, "new"), (False, "old")])
@pytest.mark.parametrize("how", ["written over", "mounted in its place", "linked", "of another size and time"])
def test_replaced_source_runs_when_bytecode_is_checked(
    interpreter: InterpreterTree, tmp_path: Path, how: str, checked: bool, runs: str
) -> None:
    """A bind mount, a subPath, or COPY in a derived image: nothing else tells Python of it."""
    with Compiler(interpreter) as compiler:
        entries = add_bytecode(compiler, [File("m.py", _OLD)], checked=checked)
    place = tmp_path / "place"
    for entry in entries:
        if isinstance(entry, File):
            assert isinstance(entry.data, bytes)
            path = place / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(entry.data)
    source = place / "m.py"
    if how == "written over":
        source.write_bytes(_NEW)
    elif how == "mounted in its place":
        (tmp_path / "other.py").write_bytes(_NEW)
        (tmp_path / "other.py").replace(source)
    elif how == "linked":
        (tmp_path / "other.py").write_bytes(_NEW)
        source.unlink()
        source.symlink_to(tmp_path / "other.py")
    else:
        source.write_bytes(_NEW + b"# longer\n")
        os.utime(source, (0, 0))
    program = "import m; print(m.VALUE)"
    done = subprocess.run([sys.executable, "-c", program], cwd=place, capture_output=True, text=True, check=True)
    assert done.stdout == f"{runs}\n"


@pytest.mark.parametrize("name", ["m" * 240, "ü" * 120, "語" * 80, "m" * 252])
def test_module_whose_bytecode_would_have_too_long_a_name_is_left_without(
    interpreter: InterpreterTree, name: str
) -> None:
    with Compiler(interpreter) as compiler:
        found = [
            entry.path
            for entry in add_bytecode(compiler, [File(f"a/{name}.py", b"x = 1\n"), File("a/x.py", b"")], checked=True)
        ]
    assert found == sorted([f"a/{name}.py", "a/x.py", "a/__pycache__", f"a/__pycache__/x.{TAG}.pyc"])


def test_interpreter_is_missing_when_the_tree_has_none(tmp_path: Path) -> None:
    with (
        pytest.raises(MissingError, match="cannot start") as caught,
        Compiler(InterpreterTree(tmp_path, MINOR, "amd64")),
    ):
        pass
    assert "C library" in str(caught.value.hint)


def test_interpreter_is_refused_when_it_does_not_run(interpreter: InterpreterTree) -> None:
    (interpreter.tree / "usr" / "bin" / f"python{MINOR}").unlink()
    with pytest.raises(MissingError, match="does not run on this host"), Compiler(interpreter):
        pass


def test_interpreter_that_dies_names_the_file(interpreter: InterpreterTree) -> None:
    binary = interpreter.tree / "usr" / "bin" / f"python{MINOR}"
    real = binary.resolve()
    binary.unlink()
    binary.write_text(
        f"#!{real}\nimport sys\nw = sys.stdout.buffer.write\n"
        f"d = b'{interpreter.tree}/usr\\nf30d0d0a\\ncpython-313'\nw(b'+' + len(d).to_bytes(8, 'big') + d)\n"
        "sys.stdout.flush(); sys.stdin.buffer.read(12); sys.exit(3)\n"
    )
    binary.chmod(0o755)
    with pytest.raises(GrockerError, match=r"compiling /x\.py: the interpreter died"):
        list(compile_sources(interpreter, [("x.py", b"x = 1\n")]))


def test_pyc_path_is_that_of_pep_3147() -> None:
    assert pyc_path("a/b.py", "cpython-313") == "a/__pycache__/b.cpython-313.pyc"
    assert pyc_path("b.py", "cpython-313") == "__pycache__/b.cpython-313.pyc"
