"""Which program a command line means: an operator's script, a path, or a command on the PATH. Contract: E5, E9."""

from __future__ import annotations

import os
import stat

from ..base.failure import NOT_EXECUTABLE, NOT_FOUND, Failure, reason
from ..base.value import Value

_SHEBANG = 256  # bytes; Linux, BINPRM_BUF_SIZE
_ENV = ("/usr/bin/env", "/bin/env")


class Program(Value):
    """What execve(2) takes: the file, and the argument list with the name in front."""

    path: str
    arguments: tuple[str, ...]


def find(arguments: tuple[str, ...], search: str, scripts: str) -> Program:
    """The program for a command line, which is not empty.

    ``search``: the PATH; ``scripts``: the operators' directory. Raises Failure: 127 not found, 126 cannot be executed.
    """
    name = arguments[0]
    if "/" in name:
        return _path(name, arguments, search)
    if name and is_script(name, scripts):
        return _script(f"{scripts}/{name}", arguments, search)
    found = on_path(name, search)
    if found is None:
        raise Failure(NOT_FOUND, f"{name or repr(name)}: not found, neither in {scripts} nor on the PATH")
    if not os.access(found, os.X_OK):
        raise Failure(NOT_EXECUTABLE, f"{found}: not executable")
    return Program(path=found, arguments=arguments)


def is_script(name: str, scripts: str) -> bool:
    """Whether ``scripts`` has a regular file of that name, or a link to one."""
    try:
        return stat.S_ISREG(os.stat(f"{scripts}/{name}").st_mode)
    except (OSError, ValueError):
        return False


def on_path(name: str, search: str) -> str | None:
    """The first executable of that name, else the first file, else None; as shells do."""
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
        why = "a link to nothing" if os.path.islink(path) else "not found"
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
    """The interpreter with the script as its argument, as the kernel would start it; needs no execute permission."""
    try:
        with open(path, "rb", 0) as file:
            head = file.read(_SHEBANG)
    except OSError as error:
        raise Failure(
            NOT_EXECUTABLE, f"{path}: not readable for uid {os.getuid()}: {reason(error)}: chmod go+r it"
        ) from None
    interpreter, option = shebang(head, path)
    _check(interpreter, option, path, search)
    return Program(path=interpreter, arguments=(interpreter, *option, path, *arguments[1:]))


def shebang(head: bytes, path: str) -> tuple[str, tuple[str, ...]]:
    """The interpreter and its one optional argument, as Linux splits the line. Raises Failure (126).

    Source: execve(2), "Interpreter scripts".
    """
    if not head.startswith(b"#!"):
        if head.startswith(b"\xef\xbb\xbf#!"):
            raise Failure(NOT_EXECUTABLE, f"{path}: a byte order mark stands before #!: save it as UTF-8 without one")
        if head.startswith(b"\x7fELF"):
            raise Failure(NOT_EXECUTABLE, f"{path}: a program, not a script: run it by its path, {path}")
        raise Failure(
            NOT_EXECUTABLE, f"{path}: its first line is no shebang: begin it with #!/bin/bash or #!/usr/bin/env python"
        )
    line, newline, _ = head[2:].partition(b"\n")
    if line.endswith(b"\r"):
        raise Failure(NOT_EXECUTABLE, f"{path}: its lines end with CRLF, as on Windows: sed -i 's/\\r$//' {path}")
    if not newline and len(head) >= _SHEBANG:
        raise Failure(NOT_EXECUTABLE, f"{path}: its first line is longer than {_SHEBANG} bytes")
    words = line.strip(b" \t").split(None, 1) if line.strip(b" \t") else []
    if not words:
        raise Failure(NOT_EXECUTABLE, f"{path}: nothing stands behind its #!: name an interpreter, as #!/bin/bash")
    return os.fsdecode(words[0]), tuple(os.fsdecode(word) for word in words[1:])


def _check(interpreter: str, option: tuple[str, ...], path: str, search: str) -> None:
    if not os.path.isfile(interpreter):
        raise Failure(NOT_EXECUTABLE, f"{path}: its interpreter {interpreter} is not in this image: change its #! line")
    if not os.access(interpreter, os.X_OK):
        raise Failure(NOT_EXECUTABLE, f"{path}: its interpreter {interpreter} is not executable: change its #! line")
    if interpreter in _ENV:
        _check_env(option[0] if option else "", path, search)


def _check_env(option: str, path: str, search: str) -> None:
    """What env(1) will look for; nothing is said of lines that change the PATH."""
    words = option.split()
    if not words:
        raise Failure(NOT_EXECUTABLE, f"{path}: nothing stands behind env in its #! line: name an interpreter")
    split = words[0] in ("-S", "--split-string") or words[0].startswith(("-S", "--split-string="))
    if split:
        joined = words[0].removeprefix("--split-string=").removeprefix("--split-string").removeprefix("-S")
        words = [word for word in (joined, *words[1:]) if word]
        while words and "=" in words[0] and not words[0].startswith(("-", "PATH=")):
            del words[0]
    elif len(words) > 1:
        raise Failure(
            NOT_EXECUTABLE, f"{path}: env looks for one program called {option!r}: write #!/usr/bin/env -S {option}"
        )
    name = words[0] if words else ""
    if not name or name.startswith("-") or "=" in name:
        return
    found = name if "/" in name else on_path(name, search)
    if found is None or not os.access(found, os.X_OK):
        raise Failure(NOT_EXECUTABLE, f"{path}: its interpreter {name} is not on the PATH: change its #! line")
