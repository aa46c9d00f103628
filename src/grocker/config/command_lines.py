"""Read command lines well enough to recognise programs and what they serve; nothing is expanded."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Literal

from grocker.regex import regex

_BETWEEN = frozenset({"&&", "||", ";", "|", "&", "\n", ";;"})
_TARGET = regex(r"[A-Za-z_][\w.]*(?::[A-Za-z_][\w.]*(?:\(\))?)?\Z")
_VALUE_OPTIONS = frozenset(
    (
        *("-b", "--bind", "-w", "--workers", "-k", "--worker-class", "--threads", "-t", "--timeout", "-c", "--config"),
        *(
            "--access-logfile",
            "--error-logfile",
            "--log-level",
            "--log-file",
            "--chdir",
            "--host",
            "--port",
            "-h",
            "-p",
        ),
        *("--max-requests", "--max-requests-jitter", "--graceful-timeout", "--keep-alive", "--worker-tmp-dir", "-n"),
        *("--forwarded-allow-ips", "--log-config", "--root-path", "--interface", "--name", "--user", "--group", "-e"),
        *(
            "--worker-connections",
            "--loop",
            "--http",
            "--ws",
            "--app-dir",
            "--env",
            "--pythonpath",
            "--limit-concurrency",
        ),
    )
)
"""options of gunicorn, uvicorn, hypercorn and daphne that a value follows"""
_SERVERS: dict[str, Literal["wsgi", "asgi"]] = {
    "gunicorn": "wsgi",
    "waitress-serve": "wsgi",
    "uvicorn": "asgi",
    "hypercorn": "asgi",
    "daphne": "asgi",
}
_DEVELOPMENT = (("flask", "run"), ("manage.py", "runserver"), ("fastapi", "dev"), ("fastapi", "run"))
_WORDS_BEFORE = frozenset({"exec", "sudo", "env", "then", "do", "else", "if", "elif", "!", "{", "time"})


def commands(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each simple command, without variables that are set for it. Nothing for unbalanced quotes."""
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&\n")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        try:
            words = list(lexer)
        except ValueError:
            continue
        found: list[str] = []
        for word in [*words, ";"]:
            if word in _BETWEEN or set(word) <= set("();&|"):
                if found:
                    yield tuple(found)
                found = []
            elif found or not (word in _WORDS_BEFORE or is_assignment(word)):
                found.append(word)


def is_simple(text: str) -> bool:
    """Tell whether a command line is one program with plain arguments, so that it needs no shell."""
    return not set(text) & set("$`;&|<>(){}*?!\n\\\"'~#")


def served_application(words: Sequence[str]) -> tuple[Literal["wsgi", "asgi"], str] | None:
    """Return the interface and ``module:attribute`` that gunicorn, uvicorn or their like serve; None for another."""
    if len(words) >= 3 and words[0].startswith("python") and words[1] == "-m":
        words = words[2:]
    kind = _SERVERS.get(words[0].rpartition("/")[2]) if words else None
    if kind is None:
        return None
    positional, skipped = [], False
    for word in words[1:]:
        if not skipped and not word.startswith("-"):
            positional.append(word)
        skipped = word in _VALUE_OPTIONS
    if len(positional) != 1 or not _TARGET.match(positional[0]):
        return None
    if any("UvicornWorker" in word for word in words):
        kind = "asgi"
    return kind, positional[0] if ":" in positional[0] else f"{positional[0]}:application"


def says_more(words: Sequence[str]) -> bool:
    """Tell whether options of a server change what its application is, or where it is found."""
    return any(word.startswith(("-c", "--config", "--factory", "--chdir", "--app-dir")) for word in words[1:])


def is_development(words: Sequence[str]) -> bool:
    """Tell whether the command is a development server, in place of which the application itself is served."""
    plain = [word.rpartition("/")[2] for word in words if not word.startswith("-")]
    return any(first in plain and second in plain for first, second in _DEVELOPMENT)


def is_assignment(word: str) -> bool:
    """Tell whether a word sets a variable for the command behind it."""
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()
