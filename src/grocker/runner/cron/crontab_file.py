r"""Parses a crontab as Debian's cron does. Contract: K2, K3. Pure.

Bytes that are not UTF-8 are preserved (PEP 383). A failure names file and line.
Sources: crontab(5) of Debian's cron 3.0pl1, and its ``env.c``, ``entry.c``, ``do_command.c`` (docs/decisions/0060).
"""

from __future__ import annotations

from ..base.failure import CONFIGURATION, Failure
from ..base.value import TYPE_CHECKING, Value
from ..contract.names import TIME_ZONE_REMEDY
from . import crontab_expression, crontab_pragma
from .crontab_expression import Expression, ExpressionError
from .crontab_pragma import JobPolicy, PragmaError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

LARGEST = 16 << 20  # bytes
_LONGEST = 128 << 10  # bytes; Linux, MAX_ARG_STRLEN: a process cannot get a longer argument or variable
_BLANKS = " \t"
_SPACE = " \t\n\v\f\r"  # isspace(3)


class PrecedingVariables:
    """The variables that are set above a job: a prefix of the file's one list, which all jobs share to save memory."""

    __slots__ = ("_count", "_pairs")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._count = len(pairs)

    def mapping(self) -> dict[str, str]:
        """Return name → value; the last line that sets a name wins."""
        return dict(self._pairs[: self._count])


class CrontabEntry(Value):
    """One job.

    ``schedule``: as written; ``expression``: None for @reboot; ``zone``: of CRON_TZ, "" for the container's own;
    ``command``: for the shell; ``stdin``: the text after ``%``, or None; ``variables``: set by the lines above it.
    """

    line: int
    name: str
    schedule: str
    expression: Expression | None
    zone: str
    command: str
    stdin: bytes | None
    variables: PrecedingVariables
    policy: JobPolicy


class _LineError(ValueError):
    """A line is invalid."""


def parse(
    data: bytes, path: str, *, users: Collection[str] = (), is_zone: Callable[[str], bool] = lambda _: True
) -> tuple[CrontabEntry, ...]:
    """Return the jobs in the file's order.

    ``path``: for messages; ``users``: names that no command starts with, as there is no user column; ``is_zone``:
    whether a time zone exists. Raises Failure (78) for the first invalid line, with the number of the others.
    """
    if len(data) > LARGEST:
        raise Failure(CONFIGURATION, f"{path}: too large for a crontab: {len(data)} bytes, at most {LARGEST}")
    parser = _Parser(users, is_zone)
    errors: list[tuple[int, str]] = []
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        try:
            parser.take(number, line)
        except (_LineError, ExpressionError, PragmaError) as error:
            errors.append((number, str(error)))
    errors += parser.end()
    if errors:
        line_number, reason = min(errors, key=lambda error: error[0])
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Failure(CONFIGURATION, f"{path}:{line_number}: {reason}{more}")
    return tuple(parser.entries)


class _Parser:
    """The state between lines: variables and zone so far, and the pragma of the next job."""

    def __init__(self, users: Collection[str], is_zone: Callable[[str], bool]) -> None:
        self.entries: list[CrontabEntry] = []
        self._users = users
        self._is_zone = is_zone
        self._pairs: list[tuple[str, str]] = []
        self._zone = ""
        self._pragma: list[str] = []
        self._pragma_line = 0
        self._names: dict[str, int] = {}
        self._expressions: dict[tuple[str, ...], Expression] = {}

    def take(self, number: int, line: str) -> None:
        """Parse one line. Raises _LineError, ExpressionError or PragmaError."""
        if line.endswith("\r"):
            raise _LineError("Windows line ending (CRLF); convert the file with sed -i 's/\\r$//'")
        if "\0" in line:
            raise _LineError("a NUL byte")
        line = line.lstrip(_BLANKS)
        if not line:
            return
        if line.startswith("#"):
            self._comment(number, line)
            return
        variable = parse_assignment(line)
        if variable is not None:
            self._set(*variable)
            return
        policy = crontab_pragma.parse_policy(self._pragma)
        self._pragma, self._pragma_line = [], 0
        self._job(number, line, policy)

    def end(self) -> list[tuple[int, str]]:
        """Return the errors at the end of the file."""
        if not self._pragma_line:
            return []
        return [(self._pragma_line, "# grocker: no job follows this comment")]

    def _comment(self, number: int, line: str) -> None:
        words = crontab_pragma.words(line)
        if words is None:
            return
        if not words:
            raise PragmaError("# grocker: expected KEY=VALUE, such as name=report")
        crontab_pragma.parse_policy([*self._pragma, *words])
        self._pragma_line = self._pragma_line or number
        self._pragma += words

    def _set(self, name: str, value: str) -> None:
        if not name:
            raise _LineError("expected a name before =")
        if len(name) + len(value) >= _LONGEST:
            raise _LineError(f"variable too long: at most {_LONGEST} bytes")
        if name in ("CRON_TZ", "TZ") and value and not self._is_zone(value):
            raise _LineError(f"{name}={value}: unknown time zone; {TIME_ZONE_REMEDY}")
        if name == "CRON_TZ":
            self._zone = value
        self._pairs.append((name, value))

    def _job(self, number: int, line: str, policy: JobPolicy) -> None:
        fields, rest = _fields(line)
        if fields[0].startswith("@"):
            nickname = fields[0][1:]
            if nickname != "reboot" and nickname not in crontab_expression.NICKNAMES:
                known = ", ".join(f"@{name}" for name in sorted({*crontab_expression.NICKNAMES, "reboot"}))
                raise _LineError(f"unknown schedule {fields[0]}; use {known}")
            meaning = crontab_expression.NICKNAMES.get(nickname)
            expression = self._expression(tuple(meaning.split())) if meaning is not None else None
        else:
            if len(fields) < 5:
                self._raise_not_a_job(line)
            expression = self._expression(fields)
        self._check_command(rest)
        command, stdin = split_percent(rest)
        if not command.strip():
            raise _LineError("expected a command before %")
        name = policy.name or f"line{number}"
        if name in self._names:
            raise _LineError(f"duplicate job name {name}, first used in line {self._names[name]}")
        self._names[name] = number
        self.entries.append(
            CrontabEntry(
                line=number,
                name=name,
                schedule=" ".join(fields),
                expression=expression,
                zone=self._zone,
                command=command,
                stdin=stdin,
                variables=PrecedingVariables(self._pairs),
                policy=policy,
            )
        )

    def _expression(self, fields: tuple[str, ...]) -> Expression:
        found = self._expressions.get(fields)
        if found is None:
            found = self._expressions[fields] = crontab_expression.parse_fields(fields)
        return found

    def _check_command(self, command: str) -> None:
        if not command:
            raise _LineError("expected a command after the schedule")
        first = command.replace("\t", " ").split(" ", 1)[0]
        if first in self._users:
            raise _LineError(
                f"the command starts with the user name {first!r}; remove it: there is no user column, jobs run as the "
                "container's user"
            )
        if first.startswith("*"):
            raise _LineError("expected a command, got a sixth *; a schedule has five fields")
        if len(command) >= _LONGEST:
            raise _LineError(f"command too long: at most {_LONGEST} bytes")

    def _raise_not_a_job(self, line: str) -> None:
        """Raise the error for a line that is no job, depending on what it looks like."""
        name, equals, value = line.partition("=")
        if equals and name.strip() and not any(c in name.strip() for c in " \t*"):
            if not value.strip():
                raise _LineError(f'expected a value after =; write {name.strip()}="" for an empty one')
            raise _LineError("unmatched quote, or text after the closing one")
        raise _LineError("expected NAME=VALUE, or five fields and a command")


def _fields(line: str) -> tuple[tuple[str, ...], str]:
    """Return the fields of the schedule, fewer if the line ends, and what follows them."""
    number = 1 if line.startswith("@") else 5
    fields: list[str] = []
    rest = line
    while rest and len(fields) < number:
        length = min(place for place in (rest.find(" "), rest.find("\t"), len(rest)) if place >= 0)
        fields.append(rest[:length])
        rest = rest[length:].lstrip(_BLANKS)
    return tuple(fields), rest


def parse_assignment(line: str) -> tuple[str, str] | None:
    """Return name and value if the line sets a variable, else None.

    Both may be quoted, with single or double quotes; blanks around an unquoted value are ignored. Source: crontab(5),
    ``env.c`` load_env.
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
    """Return a word, quoted or up to one of ``ends``, and what follows it; None when a quote is not closed."""
    if text[0] in "'\"":
        closing = text.find(text[0], 1)
        word = text[1:closing]
        if closing < 0 or ("=" in ends and "=" in word):
            return None, ""
        return word, text[closing + 1 :]
    length = min((place for place in map(text.find, ends) if place >= 0), default=len(text))
    return text[:length], text[length:]


def split_percent(text: str) -> tuple[str, bytes | None]:
    r"""Return command and stdin: the first ``%`` ends the command, further ones are newlines; ``\%`` is a percent sign.

    Source: crontab(5); ``do_command.c`` of Debian's cron, where ``\\`` in a command is one backslash.
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
