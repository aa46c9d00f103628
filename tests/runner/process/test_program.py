from __future__ import annotations

import os
from pathlib import Path

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.process.program import Program, find_program, parse_shebang, search_path


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    folder.mkdir()
    return folder


@pytest.fixture
def search(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def _put(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("head", "interpreter", "option"),
    [
        (b"#!/bin/sh\n", "/bin/sh", ()),
        (b"#! \t/bin/sh \t\nx", "/bin/sh", ()),
        (b"#!/bin/sh", "/bin/sh", ()),
        (b"#!/usr/bin/env python\n", "/usr/bin/env", ("python",)),
        (b"#!/usr/bin/env -S python -u  \n", "/usr/bin/env", ("-S python -u",)),
    ],
)
def test_program_shebang_is_split_as_linux_does(head: bytes, interpreter: str, option: tuple[str, ...]) -> None:
    assert parse_shebang(head, "x") == (interpreter, option)


@pytest.mark.parametrize("head", [b"", b"#", b"# !/bin/sh\n", b"#!\n", b"#! \n", b"#!/bin/sh\r\n", b"#!/" + b"x" * 254])
def test_program_shebang_is_refused_when_linux_could_not_use_it(head: bytes) -> None:
    with pytest.raises(Failure) as caught:
        parse_shebang(head, "x")
    assert caught.value.status == 126


def test_program_is_the_script_of_that_name_when_there_is_one(scripts: Path, search: Path) -> None:
    script = _put(scripts / "ls", "#!/bin/sh\n", 0o600)
    _put(search / "ls", "")
    assert find_program(("ls", "-l"), str(search), str(scripts)) == Program(
        path="/bin/sh", arguments=("/bin/sh", script, "-l")
    )


def test_program_is_found_on_the_path_as_shells_do(tmp_path: Path, scripts: Path, search: Path) -> None:
    other = tmp_path / "sbin"
    other.mkdir()
    _put(search / "tool", "", 0o644)
    assert search_path("tool", f"{search}:{other}") == f"{search}/tool"
    _put(other / "tool", "")
    assert find_program(("tool",), f"{search}:{other}", str(scripts)) == Program(
        path=f"{other}/tool", arguments=("tool",)
    )
    assert search_path("nothing", str(search)) is None


@pytest.mark.parametrize(
    ("name", "status"), [("nothing", 127), ("", 127), ("plain", 126), ("/nowhere/x", 127), ("/", 126)]
)
def test_program_is_refused(scripts: Path, search: Path, name: str, status: int) -> None:
    _put(search / "plain", "", 0o644)
    with pytest.raises(Failure) as caught:
        find_program((name,), str(search), str(scripts))
    assert caught.value.status == status


def test_program_path_runs_a_script_without_execute_permission(scripts: Path, search: Path) -> None:
    script = _put(scripts / "start", "#!/bin/sh -e\n", 0o644)
    assert find_program((script, "x"), str(search), str(scripts)).arguments == ("/bin/sh", "-e", script, "x")
    program = _put(search / "program", "\x7fELF")
    assert find_program((program,), str(search), str(scripts)) == Program(path=program, arguments=(program,))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/no/such/sh", "/no/such/sh is not in this image"),
        ("/usr/bin/env no-such-program", "no-such-program is not on PATH"),
        ("/usr/bin/env -S A=1 no-such-program -x", "no-such-program is not on PATH"),
        ("/usr/bin/env -Sno-such-program", "no-such-program is not on PATH"),
        ("/usr/bin/env sh -e", "write #!/usr/bin/env -S sh -e"),
        ("/usr/bin/env", "no interpreter after env"),
    ],
)
def test_program_script_is_refused_when_its_interpreter_is_missing(
    scripts: Path, search: Path, line: str, words: str
) -> None:
    _put(scripts / "x", f"#!{line}\n")
    with pytest.raises(Failure, match=words) as caught:
        find_program(("x",), str(search), str(scripts))
    assert caught.value.status == 126


@pytest.mark.parametrize(
    "line", ["/usr/bin/env sh", "/usr/bin/env -S sh -e", "/usr/bin/env -S A=1 sh", "/usr/bin/env -i sh"]
)
def test_program_script_is_accepted_when_env_finds_it(scripts: Path, search: Path, line: str) -> None:
    _put(scripts / "x", f"#!{line}\n")
    _put(search / "sh", "")
    if line.endswith("-i sh"):  # one argument to env, which has no such program: it is for env to say
        with pytest.raises(Failure):
            find_program(("x",), str(search), str(scripts))
    else:
        assert find_program(("x",), str(search), str(scripts)).path == "/usr/bin/env"


def test_program_ignores_what_is_no_file_in_scripts(scripts: Path, search: Path) -> None:
    (scripts / "a").mkdir()
    os.mkfifo(scripts / "b")
    (scripts / "c").symlink_to("nothing")
    for name in "abc":
        _put(search / name, "")
        assert find_program((name,), str(search), str(scripts)).path == f"{search}/{name}"
