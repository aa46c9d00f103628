from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grocker.runner.base.failure import CONFIGURATION, Failure
from grocker.runner.contract import spec
from grocker.runner.cron import crontab_check, crontab_file
from grocker.runner.cron.crontab_file import CrontabEntry
from grocker.runner.cron.crontab_pragma import JobPolicy
from tests.support.calls import count_calls

USERS = frozenset({"root", "www-data", "blue"})


def parsed(text: str | bytes) -> tuple[CrontabEntry, ...]:
    data = text.encode() if isinstance(text, str) else text
    return crontab_file.parse(data, "crontab", users=USERS, is_zone=lambda name: "Mars" not in name)


def refused(text: str | bytes) -> str:
    with pytest.raises(Failure) as raised:
        parsed(text)
    assert raised.value.status == CONFIGURATION
    assert "\n" not in raised.value.message
    return raised.value.message


def complaint(data: bytes) -> str | None:
    try:
        parsed(data)
    except Failure as failure:
        return failure.message
    return None


MANUAL = """\
# use /bin/sh to run commands, no matter what /etc/passwd says
SHELL=/bin/sh
# mail any output to `paul', no matter whose crontab this is
MAILTO=paul
#
# run five minutes after midnight, every day
5 0 * * *       $HOME/bin/daily.job >> $HOME/tmp/out 2>&1
# run at 2:15pm on the first of every month -- output mailed to paul
15 14 1 * *     $HOME/bin/monthly
# run at 10 pm on weekdays, annoy Joe
0 22 * * 1-5   mail -s "It's 10pm" joe%Joe,%%Where are your kids?%
23 0-23/2 * * * echo "run 23 minutes after midn, 2am, 4am ..., everyday"
5 4 * * sun     echo "run at 5 after 4 every sunday"
# Run once every 9th day, even across week, month, and year boundaries:
33 22 * * *     expr $(date +s) / 60 / 60 / 24  9 > /dev/null || echo Wax the floor.
"""


def test_example_of_the_manual_is_read() -> None:
    jobs = parsed(MANUAL)
    assert [job.line for job in jobs] == [7, 9, 11, 12, 13, 15]
    assert [job.schedule for job in jobs][:3] == ["5 0 * * *", "15 14 1 * *", "0 22 * * 1-5"]
    assert jobs[0].command == "$HOME/bin/daily.job >> $HOME/tmp/out 2>&1"
    assert jobs[0].stdin is None
    assert jobs[2].command == """mail -s "It's 10pm" joe"""
    assert jobs[2].stdin == b"Joe,\n\nWhere are your kids?\n"
    assert jobs[0].variables.mapping() == {"SHELL": "/bin/sh", "MAILTO": "paul"}
    assert [job.name for job in jobs] == [f"line{job.line}" for job in jobs]


@pytest.mark.fault(number=26)
@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("A=b", "A", "b"),
        ("  A = b c  ", "A", "b c"),
        ("A\t=\tb", "A", "b"),
        ('A=""', "A", ""),
        ("A = '  b  '", "A", "  b  "),
        ('A="it\'s"', "A", "it's"),
        ("'A'=b", "A", "b"),
        ('"A B" = c', "A B", "c"),
        ("A=b=c", "A", "b=c"),
        ('A=b "c"', "A", 'b "c"'),
        ("A=# no comment", "A", "# no comment"),
        ("A=$HOME/x", "A", "$HOME/x"),
        ("@daily = x", "@daily", "x"),
        ("A='b'   ", "A", "b"),
    ],
)
def test_variable_is_read_with_and_without_quotes(line: str, name: str, value: str) -> None:
    (job,) = parsed(f"{line}\n* * * * * x\n")
    assert job.variables.mapping() == {name: value}


def test_variable_counts_for_the_lines_below_it() -> None:
    jobs = parsed("A=1\n* * * * * x\nA=2\nB=3\n* * * * * y\nC=4\n")
    assert [job.variables.mapping() for job in jobs] == [{"A": "1"}, {"A": "2", "B": "3"}]


def test_cron_tz_is_the_zone_of_the_schedules_below_it() -> None:
    jobs = parsed('@daily a\nCRON_TZ=Asia/Tokyo\n@daily b\nTZ=Europe/Paris\n@daily c\nCRON_TZ=""\n@daily d\n')
    assert [job.zone for job in jobs] == ["", "Asia/Tokyo", "Asia/Tokyo", ""]


@pytest.mark.fault(number=26)
@pytest.mark.parametrize(
    ("text", "command", "stdin"),
    [
        ("echo hi", "echo hi", None),
        (r"date +\%F", "date +%F", None),
        ("cat%", "cat", b""),
        ("cat%a%b", "cat", b"a\nb\n"),
        ("cat%a%", "cat", b"a\n"),
        (r"cat%50\%%x", "cat", b"50%\nx\n"),
        (r"cat%a\nb", "cat", b"a\\nb\n"),
        (r"printf 'a\nb'", r"printf 'a\nb'", None),
        (r"echo a\\b", r"echo a\b", None),
        (r"echo a\\%b", "echo a\\", b"b\n"),
        ("echo a\\", "echo a\\", None),
        ("cat%a\\", "cat", b"a\\\n"),
        (r"cat%a\\b", "cat", b"a\\\\b\n"),
        ("a  b\t", "a  b\t", None),
    ],
)
def test_percent_ends_the_command(text: str, command: str, stdin: bytes | None) -> None:
    (job,) = parsed(f"* * * * * {text}\n")
    assert (job.command, job.stdin) == (command, stdin)


@pytest.mark.fault(number=26)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* * * * *\n", "crontab:1: expected a command after the schedule"),
        ("\n\n* * * *\n", "crontab:3: expected NAME=VALUE, or five fields and a command"),
        ("* * * * * * x\n", "crontab:1: expected a command, got a sixth *; a schedule has five fields"),
        ("@Daily x\n", "crontab:1: unknown schedule @Daily; use @annually, @daily"),
        ("@every 5m x\n", "crontab:1: unknown schedule @every; use"),
        ("@ x\n", "crontab:1: unknown schedule @; use"),
        ("@daily\n", "crontab:1: expected a command after the schedule"),
        ("* * * * * %x\n", "crontab:1: expected a command before %"),
        ("A=\n", 'crontab:1: expected a value after =; write A="" for an empty one'),
        ("A='x\n", "crontab:1: unmatched quote"),
        ("A='x' y\n", "crontab:1: unmatched quote, or text after the closing one"),
        ("=x\n", "crontab:1: expected a name before ="),
        ("# c\n* * * * * x\r\n", "crontab:2: Windows line ending (CRLF); convert the file with sed -i 's/\\r$//'"),
        ("* * * * * a\0b\n", "crontab:1: a NUL byte"),
        (
            "* * * * * root rm x\n",
            "crontab:1: the command starts with the user name 'root'; remove it: there is no user column",
        ),
        ("@reboot www-data\tx\n", "crontab:1: the command starts with the user name 'www-data'"),
        ("0 5 * * 1 blue x\n", "crontab:1: the command starts with the user name 'blue'"),
        ("A=1\nCRON_TZ=Mars/Base\n", "crontab:2: CRON_TZ=Mars/Base: unknown time zone"),
        ("TZ=Mars/Base\n", "crontab:1: TZ=Mars/Base: unknown time zone"),
        ("61 * * * * x\n62 * * * * y\n", "crontab:1: minute '61': 61 is not in 0-59 (and 1 more)"),
        (
            "# grocker: name=a\n* * * * * x\n# grocker: name=a\n* * * * * y\n",
            "crontab:4: duplicate job name a, first used in",
        ),
        (
            "# grocker: name=line3\n* * * * * x\n* * * * * y\n",
            "crontab:3: duplicate job name line3, first used in line 2",
        ),
        ("# grocker: name=a\n", "crontab:1: # grocker: no job follows this comment"),
        ("# grocker:\n* * * * * x\n", "crontab:1: # grocker: expected KEY=VALUE"),
        ("# grocker: nmae=a\n* * * * * x\n", "crontab:1: unknown option 'nmae'; use heartbeat, name, overlap"),
        ("* * * * * x\n#grocker: timeout\n* * * * * x\n", "crontab:2: timeout: expected timeout=VALUE, without blanks"),
        ("# grocker: timeout=\n* * * * * x\n", "crontab:1: timeout: expected timeout=VALUE"),
        (
            "# grocker: timeout=0s\n* * * * * x\n",
            "crontab:1: timeout=0s: expected a whole number from 1 with s, m, h or d",
        ),
        ("# grocker: timeout=1.5h\n* * * * * x\n", "crontab:1: timeout=1.5h: expected a whole number"),
        ("# grocker: overlap=allow\n* * * * * x\n", "crontab:1: overlap=allow: expected one of skip, queue, kill"),
        ("# grocker: retries=-1\n* * * * * x\n", "crontab:1: retries=-1: expected a whole number from 0 to 100"),
        ("# grocker: stderr=bad\n* * * * * x\n", "crontab:1: stderr=bad: expected fail or ok"),
        ("# grocker: name=a.b\n* * * * * x\n", "crontab:1: name=a.b: expected at most 100 letters, digits, - and _"),
        ("# grocker: name=a name=b\n* * * * * x\n", "crontab:1: duplicate option name"),
        ("# grocker: heartbeat=ftp://h/s3cret\n* * * * * x\n", "crontab:1: heartbeat: expected a URL that starts with"),
    ],
)
def test_line_is_refused_with_its_number(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_heartbeat_that_is_refused_is_not_shown() -> None:
    assert "s3cret" not in refused("# grocker: heartbeat=ftp://h/s3cret\n* * * * * x\n")


def test_pragma_above_a_job_is_its_policy() -> None:
    jobs = parsed(
        "# grocker: name=report overlap=queue timeout=10m\n"
        "#grocker: retries=2 heartbeat=https://hc.example.invalid/x?y=z stderr=fail\n"
        "# an ordinary comment\n\nA=b\n0 5 * * * x\n* * * * * y\n"
    )
    assert jobs[0].name == "report"
    assert jobs[0].policy == JobPolicy(
        name="report",
        overlap="queue",
        timeout=600.0,
        retries=2,
        heartbeat="https://hc.example.invalid/x?y=z",
        stderr_fails=True,
    )
    assert (jobs[1].name, jobs[1].policy) == ("line7", JobPolicy())


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_timeout_has_units(text: str, seconds: float) -> None:
    (job,) = parsed(f"# grocker: timeout={text}\n* * * * * x\n")
    assert job.policy.timeout == seconds


def test_user_is_no_error_when_the_application_has_a_command_of_that_name() -> None:
    (job,) = crontab_file.parse(b"* * * * * blue sync\n", "crontab", users=USERS - {"blue"})
    assert job.command == "blue sync"


@pytest.mark.fault(number=26)
def test_last_line_counts_when_nothing_ends_it() -> None:
    assert [job.command for job in parsed("* * * * * x\n* * * * * y")] == ["x", "y"]


def test_byte_order_mark_is_passed_over() -> None:
    assert len(parsed(b"\xef\xbb\xbf* * * * * x\n")) == 1


@pytest.mark.fault(number=26)
def test_blanks_may_be_tabs() -> None:
    (job,) = parsed("\t1\t2 3\t4 5\tx y\n")
    assert (job.schedule, job.command) == ("1 2 3 4 5", "x y")


def test_bytes_that_are_no_text_reach_the_command() -> None:
    (job,) = parsed(b"* * * * * echo \xff\xfe%\x80\n")
    assert job.command.encode("utf-8", "surrogateescape") == b"echo \xff\xfe"
    assert job.stdin == b"\x80\n"


def test_file_is_refused_when_it_is_no_crontab_by_size() -> None:
    assert "too large" in refused(b"#" * (crontab_file.LARGEST + 1))


@pytest.mark.fault(number=34)
def test_ten_times_as_many_lines_take_ten_times_as_many_calls() -> None:
    def calls(jobs: int) -> int:
        text = "".join(
            f"# grocker: name=job{n}\n{n % 60} {n % 24} * * * /opt/venv/bin/thing --number {n}\n" for n in range(jobs)
        )
        return count_calls(lambda: parsed(text))

    assert calls(5000) < 11 * calls(500)


def test_many_variables_between_many_jobs_take_little_room() -> None:
    jobs = parsed("".join(f"V{n}={n}\n* * * * * x\n" for n in range(5000)))
    assert len(jobs[-1].variables.mapping()) == 5000


@pytest.mark.fault(number=34)
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    message = complaint(data)
    assert message is None or message.startswith("crontab:")


@pytest.mark.fault(number=34)
@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(alphabet="*/,-0123456789 \t@adiylhourgnmcktz=%\\'\"#:\n\r$_ABC", max_size=40)).map("\n".join))
def test_random_lines_are_read_or_refused(text: str) -> None:
    if complaint(text.encode()) is None:
        assert all(job.command.strip() for job in parsed(text))


def test_build_refuses_what_the_container_would() -> None:
    with pytest.raises(spec.SpecError, match=r"polls/crontab:2: minute '61'"):
        crontab_check.validate_crontab(b"\n61 * * * * x\n", "polls/crontab", "blue", ())
    with pytest.raises(spec.SpecError, match="the user name"):
        crontab_check.validate_crontab(b"@daily blue x\n", "polls/crontab", "blue", ("polls",))
    crontab_check.validate_crontab(b"CRON_TZ=Europe/Paris\n@daily blue x\n", "polls/crontab", "blue", ("blue",))
