r"""A crontab, read as Debian's cron reads it. Contract: K2, K3. Pure.

Bytes that are not UTF-8 come through unharmed (PEP 383). A failure names file and line.
Sources: crontab(5) of Debian's cron 3.0pl1, and its ``env.c``, ``entry.c``, ``do_command.c`` (docs/decisions/0060).
"""

from __future__ import annotations

from ..base.failure import CONFIGURATION, Failure
from ..base.value import TYPE_CHECKING, Value
from . import crontab_expression, crontab_pragma
from .crontab_expression import Expression, ExpressionError
from .crontab_pragma import Policy, PragmaError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

LARGEST = 16 << 20  # bytes
_LONGEST = 128 << 10  # bytes; Linux, MAX_ARG_STRLEN: a longer command or variable cannot be given to a process
_BLANKS = " \t"
_SPACE = " \t\n\v\f\r"  # isspace(3)


class Variables:
    """The variables that stand above a job: a beginning of the file's one list, so that many lines stay small."""

    __slots__ = ("_count", "_pairs")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._count = len(pairs)

    def mapping(self) -> dict[str, str]:
        """Name → value; the last line that sets a name counts."""
        return dict(self._pairs[: self._count])


class Entry(Value):
    """One job.

    ``schedule``: as written; ``expression``: None for @reboot; ``zone``: of CRON_TZ, "" for the container's own;
    ``command``: for the shell; ``stdin``: what a ``%`` gave it, or None; ``variables``: of the lines above it.
    """

    line: int
    name: str
    schedule: str
    expression: Expression | None
    zone: str
    command: str
    stdin: bytes | None
    variables: Variables
    policy: Policy


class _LineError(ValueError):
    """What is wrong with a line."""


def parse(
    data: bytes, path: str, *, users: Collection[str] = (), is_zone: Callable[[str], bool] = lambda _: True
) -> tuple[Entry, ...]:
    """The jobs in the file's order.

    ``path``: for messages; ``users``: names that a command does not begin with (there is no user column); ``is_zone``:
    whether a time zone exists. Raises Failure (78) for the first line that is wrong, with the number of the others.
    """
    if len(data) > LARGEST:
        raise Failure(CONFIGURATION, f"{path}: {len(data)} bytes, more than {LARGEST}: not a crontab")
    reading = _Reading(users, is_zone)
    errors: list[tuple[int, str]] = []
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        try:
            reading.take(number, line)
        except (_LineError, ExpressionError, PragmaError) as error:
            errors.append((number, str(error)))
    errors += reading.end()
    if errors:
        line_number, reason = min(errors, key=lambda error: error[0])
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Failure(CONFIGURATION, f"{path}:{line_number}: {reason}{more}")
    return tuple(reading.entries)


class _Reading:
    """The state between lines: variables and zone so far, the pragma that waits for its job."""

    def __init__(self, users: Collection[str], is_zone: Callable[[str], bool]) -> None:
        self.entries: list[Entry] = []
        self._users = users
        self._is_zone = is_zone
        self._pairs: list[tuple[str, str]] = []
        self._zone = ""
        self._pragma: list[str] = []
        self._pragma_line = 0
        self._names: dict[str, int] = {}
        self._expressions: dict[tuple[str, ...], Expression] = {}

    def take(self, number: int, line: str) -> None:
        """One line. Raises what is wrong with it."""
        if line.endswith("\r"):
            raise _LineError("the line ends with CRLF, as on Windows: sed -i 's/\\r$//' the file")
        if "\0" in line:
            raise _LineError("a NUL byte")
        line = line.lstrip(_BLANKS)
        if not line:
            return
        if line.startswith("#"):
            self._comment(number, line)
            return
        variable = assignment(line)
        if variable is not None:
            self._set(*variable)
            return
        policy = crontab_pragma.read(self._pragma)
        self._pragma, self._pragma_line = [], 0
        self._job(number, line, policy)

    def end(self) -> list[tuple[int, str]]:
        """What is wrong at the end of the file."""
        if not self._pragma_line:
            return []
        return [(self._pragma_line, "# grocker: no job follows it")]

    def _comment(self, number: int, line: str) -> None:
        words = crontab_pragma.words(line)
        if words is None:
            return
        if not words:
            raise PragmaError("# grocker: write KEY=VALUE behind it, as name=report")
        crontab_pragma.read([*self._pragma, *words])
        self._pragma_line = self._pragma_line or number
        self._pragma += words

    def _set(self, name: str, value: str) -> None:
        if not name:
            raise _LineError("a variable needs a name before the =")
        if len(name) + len(value) >= _LONGEST:
            raise _LineError(f"more than {_LONGEST} bytes for one variable")
        if name in ("CRON_TZ", "TZ") and value and not self._is_zone(value):
            raise _LineError(f"{name}={value}: no such time zone: write a name as Europe/Paris")
        if name == "CRON_TZ":
            self._zone = value
        self._pairs.append((name, value))

    def _job(self, number: int, line: str, policy: Policy) -> None:
        fields, rest = _fields(line)
        if fields[0].startswith("@"):
            nickname = fields[0][1:]
            if nickname != "reboot" and nickname not in crontab_expression.NICKNAMES:
                known = ", ".join(f"@{name}" for name in sorted({*crontab_expression.NICKNAMES, "reboot"}))
                raise _LineError(f"{fields[0]} is none of {known}")
            meaning = crontab_expression.NICKNAMES.get(nickname)
            expression = self._expression(tuple(meaning.split())) if meaning is not None else None
        else:
            if len(fields) < 5:
                self._say_what_else(line)
            expression = self._expression(fields)
        self._check_command(rest)
        command, stdin = split_percent(rest)
        if not command.strip():
            raise _LineError("no command before the %")
        name = policy.name or f"line{number}"
        if name in self._names:
            raise _LineError(f"the job's name {name} is that of line {self._names[name]} already")
        self._names[name] = number
        self.entries.append(
            Entry(
                line=number,
                name=name,
                schedule=" ".join(fields),
                expression=expression,
                zone=self._zone,
                command=command,
                stdin=stdin,
                variables=Variables(self._pairs),
                policy=policy,
            )
        )

    def _expression(self, fields: tuple[str, ...]) -> Expression:
        found = self._expressions.get(fields)
        if found is None:
            found = self._expressions[fields] = crontab_expression.parse(fields)
        return found

    def _check_command(self, command: str) -> None:
        if not command:
            raise _LineError("no command behind the time")
        first = command.replace("\t", " ").split(" ", 1)[0]
        if first in self._users:
            raise _LineError(
                f"the command begins with {first!r}, a user's name: there is no user column, jobs run as the "
                "container's user: take the name out"
            )
        if first.startswith("*"):
            raise _LineError("a sixth * where the command begins: there are five fields for the time")
        if len(command) >= _LONGEST:
            raise _LineError(f"a command of more than {_LONGEST} bytes")

    def _say_what_else(self, line: str) -> None:
        """Raises the error for a line that is no job, by what it was meant as."""
        name, equals, value = line.partition("=")
        if equals and name.strip() and not any(c in name.strip() for c in " \t*"):
            if not value.strip():
                raise _LineError(f'no value behind the =: write {name.strip()}="" for an empty one')
            raise _LineError("quotes that do not match, or something behind the closing one")
        raise _LineError("neither NAME=VALUE nor a time of five fields and a command")


def _fields(line: str) -> tuple[tuple[str, ...], str]:
    """The fields of the time, fewer where the line ends, and what follows them."""
    wanted = 1 if line.startswith("@") else 5
    fields: list[str] = []
    rest = line
    while rest and len(fields) < wanted:
        length = min(place for place in (rest.find(" "), rest.find("\t"), len(rest)) if place >= 0)
        fields.append(rest[:length])
        rest = rest[length:].lstrip(_BLANKS)
    return tuple(fields), rest


def assignment(line: str) -> tuple[str, str] | None:
    """Name and value of a line that sets a variable, else None.

    Either may stand in quotes, single or double, which are taken off; blanks around an unquoted value do not belong to
    it. Source: crontab(5), ``env.c`` load_env.
    """
    name, rest = _quoted(line, "=" + _SPACE)
    if name is None:
        return None
    rest = rest.lstrip(_SPACE)
    if not rest.startswith("="):
        return None
    rest = rest[1:].strip(_SPACE)
    if not rest:
        return None
    value, behind = _quoted(rest, "")
    if value is None or behind.strip(_SPACE):
        return None
    return name, value


def _quoted(text: str, ends: str) -> tuple[str | None, str]:
    """A word, with or without quotes, up to one of ``ends``, and what follows it; None when a quote is not closed."""
    if text[0] in "'\"":
        closing = text.find(text[0], 1)
        word = text[1:closing]
        if closing < 0 or ("=" in ends and "=" in word):
            return None, ""
        return word, text[closing + 1 :]
    length = min((place for place in map(text.find, ends) if place >= 0), default=len(text))
    return text[:length], text[length:]


def split_percent(text: str) -> tuple[str, bytes | None]:
    r"""The command, and what it reads: the first ``%`` ends it, further ones are line ends; ``\%`` is a percent sign.

    Source: crontab(5); ``do_command.c`` of Debian's cron, which takes ``\\`` in the command for one backslash.
    """
    if "%" not in text and "\\" not in text:
        return text, None
    command: list[str] = []
    place = 0
    while place < len(text):
        character = text[place]
        if character == "%":
            return "".join(command), _input(text[place + 1 :])
        if character == "\\" and text[place + 1 : place + 2] in ("%", "\\"):
            place += 1
            character = text[place]
        command.append(character)
        place += 1
    return "".join(command), None


def _input(text: str) -> bytes:
    lines = text.replace("\\%", "\0").replace("%", "\n").replace("\0", "%")
    if lines and not lines.endswith("\n"):
        lines += "\n"
    return lines.encode("utf-8", "surrogateescape")
