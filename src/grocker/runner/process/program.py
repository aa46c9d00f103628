"""Finds the program that a command line means: an operator's script, a path, a command on PATH. Contract: E5, E9."""

from __future__ import annotations

import os
import stat

from ..base.failure import NOT_EXECUTABLE, NOT_FOUND, Failure, reason
from ..base.value import Value

_SHEBANG = 256  # bytes; Linux, BINPRM_BUF_SIZE
_ENV = ("/usr/bin/env", "/bin/env")


class Program(Value):
    """The arguments of execve(2): the file, and the argument list with the program's name first."""

    path: str
    arguments: tuple[str, ...]


def find_program(arguments: tuple[str, ...], search: str, scripts: str) -> Program:
    """Return the program for a command line, which must not be empty.

    ``search``: the value of PATH; ``scripts``: the operator's directory. Raises Failure: 127 not found, 126 not
    executable.
    """
    name = arguments[0]
    if "/" in name:
        return _path(name, arguments, search)
    if name and is_script(name, scripts):
        return _script(f"{scripts}/{name}", arguments, search)
    found = search_path(name, search)
    if found is None:
        raise Failure(NOT_FOUND, f"{name or repr(name)}: not found, neither in {scripts} nor on PATH")
    if not os.access(found, os.X_OK):
        raise Failure(NOT_EXECUTABLE, f"{found}: not executable")
    return Program(path=found, arguments=arguments)


def is_script(name: str, scripts: str) -> bool:
    """Whether ``scripts`` contains a regular file of that name, or a link to one."""
    try:
        return stat.S_ISREG(os.stat(f"{scripts}/{name}").st_mode)
    except (OSError, ValueError):
        return False


def search_path(name: str, search: str) -> str | None:
    """Return the first executable of that name, else the first file, else None, as shells do."""
    fallback = None
    for directory in search.split(":") if name else ():
        path = f"{directory or '.'}/{name}"
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                continue
        except (OSError, ValueError):
            continue
        if os.access(path, os.X_OK):
            return path
        fallback = fallback or path
    return fallback


def _path(path: str, arguments: tuple[str, ...], search: str) -> Program:
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        why = "a dangling link" if os.path.islink(path) else "not found"
        raise Failure(NOT_FOUND, f"{path}: {why}") from None
    except OSError as error:
        raise Failure(NOT_EXECUTABLE, f"{path}: {reason(error)}") from None
    if not stat.S_ISREG(mode):
        raise Failure(NOT_EXECUTABLE, f"{path}: {'a directory' if stat.S_ISDIR(mode) else 'not a regular file'}")
    executable = os.access(path, os.X_OK)
    if executable and not _looks_like_script(path):
        return Program(path=path, arguments=arguments)
    return _script(path, arguments, search)


def _looks_like_script(path: str) -> bool:
    try:
        with open(path, "rb", 0) as file:
            return file.read(2) == b"#!"
    except OSError:
        return False  # a program may be executable and not readable


def _script(path: str, arguments: tuple[str, ...], search: str) -> Program:
    """Return the interpreter with the script as its argument, as the kernel would; needs no execute permission."""
    try:
        with open(path, "rb", 0) as file:
            head = file.read(_SHEBANG)
    except OSError as error:
        raise Failure(
            NOT_EXECUTABLE, f"{path}: not readable for uid {os.getuid()}: {reason(error)}; run chmod go+r on it"
        ) from None
    interpreter, option = parse_shebang(head, path)
    _check(interpreter, option, path, search)
    return Program(path=interpreter, arguments=(interpreter, *option, path, *arguments[1:]))


def parse_shebang(head: bytes, path: str) -> tuple[str, tuple[str, ...]]:
    """Return the interpreter and its one optional argument, split as Linux splits the line. Raises Failure (126).

    Source: execve(2), "Interpreter scripts".
    """
    if not head.startswith(b"#!"):
        if head.startswith(b"\xef\xbb\xbf#!"):
            raise Failure(NOT_EXECUTABLE, f"{path}: byte order mark before #!; save the file as UTF-8 without one")
        if head.startswith(b"\x7fELF"):
            raise Failure(NOT_EXECUTABLE, f"{path}: a binary program, not a script; run it by its path, {path}")
        raise Failure(NOT_EXECUTABLE, f"{path}: no shebang in its first line; add #!/bin/bash or #!/usr/bin/env python")
    line, newline, _ = head[2:].partition(b"\n")
    if line.endswith(b"\r"):
        raise Failure(NOT_EXECUTABLE, f"{path}: Windows line endings (CRLF); convert it with sed -i 's/\\r$//' {path}")
    if not newline and len(head) >= _SHEBANG:
        raise Failure(NOT_EXECUTABLE, f"{path}: its first line is longer than {_SHEBANG} bytes")
    words = line.strip(b" \t").split(None, 1) if line.strip(b" \t") else []
    if not words:
        raise Failure(NOT_EXECUTABLE, f"{path}: no interpreter after #!; name one, for example #!/bin/bash")
    return os.fsdecode(words[0]), tuple(os.fsdecode(word) for word in words[1:])


def _check(interpreter: str, option: tuple[str, ...], path: str, search: str) -> None:
    if not os.path.isfile(interpreter):
        raise Failure(NOT_EXECUTABLE, f"{path}: its interpreter {interpreter} is not in this image; change its #! line")
    if not os.access(interpreter, os.X_OK):
        raise Failure(NOT_EXECUTABLE, f"{path}: its interpreter {interpreter} is not executable; change its #! line")
    if interpreter in _ENV:
        _check_env(option[0] if option else "", path, search)


def _check_env(option: str, path: str, search: str) -> None:
    """Check that env(1) will find its program; lines that change PATH are not checked."""
    words = option.split()
    if not words:
        raise Failure(NOT_EXECUTABLE, f"{path}: no interpreter after env in its #! line; name one")
    split = words[0] in ("-S", "--split-string") or words[0].startswith(("-S", "--split-string="))
    if split:
        joined = words[0].removeprefix("--split-string=").removeprefix("--split-string").removeprefix("-S")
        words = [word for word in (joined, *words[1:]) if word]
        while words and "=" in words[0] and not words[0].startswith(("-", "PATH=")):
            del words[0]
    elif len(words) > 1:
        raise Failure(
            NOT_EXECUTABLE, f"{path}: env would look for a program called {option!r}; write #!/usr/bin/env -S {option}"
        )
    name = words[0] if words else ""
    if not name or name.startswith("-") or "=" in name:
        return
    found = name if "/" in name else search_path(name, search)
    if found is None or not os.access(found, os.X_OK):
        raise Failure(NOT_EXECUTABLE, f"{path}: its interpreter {name} is not on PATH; change its #! line")
