"""How the bench of the runner counts: pairs, verdicts, the table, and what the peers are given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tools.bench.host import BenchError
from tools.bench_runner import figures, lab, report, server, throughput
from tools.bench_runner.figures import Row, Verdict
from tools.bench_runner.lab import BARE, INIT, RUNNER, SUPERVISORD, TINI, Lab
from tools.bench_runner.log_lines import Outcome

SAMPLES = {RUNNER: [130.0, 1030.0, 120.0], BARE: [100.0, 1000.0, 100.0]}


def test_differences_are_of_pairs_when_times_vary() -> None:
    assert figures.differences(SAMPLES, RUNNER, BARE) == (30.0, 30.0, 20.0)
    assert figures.ratios(SAMPLES, RUNNER, BARE) == (1.3, 1.03, 1.2)


def test_pairs_are_refused_when_one_is_missing() -> None:
    with pytest.raises(ValueError):
        figures.ratios({RUNNER: [1.0, 2.0], BARE: [1.0]}, RUNNER, BARE)


@pytest.mark.parametrize(
    ("verdict", "met"),
    [
        (Verdict((30.0, 41.0, 39.0), "{}", 40), True),
        (Verdict((30.0, 41.0, 41.0), "{}", 40), False),
        (Verdict((30.0, 41.0, 39.0), "{}", 40, worst=True), False),
        (Verdict((0.98, 0.5, 0.99), "{}", 0.97, least=True), True),
        (Verdict((0.98, 0.5, 0.99), "{}", 0.97, least=True, worst=True), False),
        (Verdict((0.0,), "{}", 0), True),
    ],
)
def test_verdict_is_of_the_median_or_of_the_worst(verdict: Verdict, met: bool) -> None:
    assert verdict.met is met


def test_everybody_is_first_once() -> None:
    assert [figures.in_turn("abc", number) for number in range(3)] == [list("abc"), list("bca"), list("cab")]


def test_table_has_a_row_for_each_budget_and_says_which_are_missed() -> None:
    verdicts = (
        Verdict(figures.differences(SAMPLES, RUNNER, BARE), "{} ms over bare", 40),
        Verdict((1.3,), "{} × tini", 1.2),
    )
    text = report.table([Row("a command", "ms", {**SAMPLES, INIT: [1.0]}, verdicts, ("seen",))], {"machine": "a test"})
    row = next(line for line in text.splitlines() if line.startswith("| a command, ms |"))
    assert "| 130 (120 – 1,030) | 100 (100 – 1,000) |" in row
    assert "docker --init: 1" in row
    assert "30 (20 – 30) ms over bare, ≤ 40<br>1.30 × tini, ≤ 1.20 | kept<br>**missed** |" in row
    assert "- machine: a test" in text
    assert "- a command: seen" in text


def test_numbers_are_written_without_exponents() -> None:
    assert [report.number(value) for value in (0.0, 0.00234, 0.5, 1.25, 13.7, 128.4, 99980.4)] == [
        *("0", "0.0023", "0.50", "1.25", "13.7", "128", "99,980"),
    ]


def test_plain_has_every_sample() -> None:
    data = json.loads(report.plain([Row("a command", "ms", SAMPLES)], {"machine": "a test"}))
    assert {one["side"]: one["samples"] for one in data["samples"]} == SAMPLES


def test_insert_replaces_what_is_between_the_marks() -> None:
    page = (ROOT / "docs" / "explanation" / "runner-benchmarks.md").read_text("utf-8")
    once = report.insert(page, "new\n")
    assert report.insert(once, "new\n") == once
    assert "\nnew\n" in once
    with pytest.raises(ValueError, match="no place"):
        report.insert("a page", "figures")


def test_bare_server_has_the_options_of_the_runner_and_nothing_that_is_the_runners() -> None:
    words = "/opt/venv/bin/python -m gunicorn.app.wsgiapp --config /h.py --threads 8 --bind fd://3 --bind fd://4 "
    words += "--workers 2 --access-logfile /dev/fd/9 --no-control-socket app:application"
    assert " ".join(server.without_runner(words.split())) == (
        "/opt/venv/bin/python -m gunicorn.app.wsgiapp --threads 8 --bind [::]:8080 --workers 2 "
        "--access-logfile - --no-control-socket app:application"
    )


def test_requests_are_refused_when_some_failed() -> None:
    assert throughput.requests("  100 requests in 1.00s\nRequests/sec:   4984.12\nTransfer/sec: 1MB\n") == 4984.12
    for bad in (
        "Non-2xx or 3xx responses: 3\nRequests/sec: 1.0\n",
        "Socket errors: connect 0, read 1, write 0, timeout 0\nRequests/sec: 1.0\n",
        "unable to connect\n",
    ):
        with pytest.raises(BenchError):
            throughput.requests(bad)


def test_lines_are_accounted_for_on_stdout_and_in_syslog() -> None:
    assert Outcome(1.0, written=10, stdout=10, syslog=7, dropped=3).unaccounted == 0
    assert Outcome(1.0, written=10, stdout=9, syslog=7, dropped=3).unaccounted == 1
    assert Outcome(1.0, written=10, stdout=10, syslog=7, dropped=1).unaccounted == 2
    assert Outcome(1.0, written=10, stdout=10, syslog=10, dropped=3).unaccounted == 3


def test_every_side_runs_the_same_program(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    where = Lab("image", tmp_path)
    peers = ["/bench/x", "--option", "", "100%"]
    mount = ["--volume", f"{tmp_path}/bench:/bench:ro"]
    assert where.options(RUNNER, "x", peers) == (mount, ["start", "x"])
    assert where.options(BARE, "x", peers) == ([*mount, "--entrypoint", "/bench/x"], peers[1:])
    assert where.options(INIT, "x", peers) == ([*mount, "--init", "--entrypoint", "/bench/x"], peers[1:])
    assert where.options(TINI, "x", peers) == ([*mount, "--entrypoint", "/bench/tini"], ["--", *peers])
    options, arguments = where.options(SUPERVISORD, "x", peers)
    assert (options[-1], arguments) == ("/opt/venv/bin/supervisord", ["-c", "/bench/x.conf"])
    assert "\ncommand = /bench/x --option '' 100%%\n" in (tmp_path / "bench" / "x.conf").read_text()


def test_times_of_the_engine_are_read_to_the_nanosecond() -> None:
    assert lab.seconds_of("2026-11-22T20:51:30.250000001Z") == pytest.approx(1795380690.25, abs=1e-6)
    assert lab.seconds_of("2026-11-22T20:51:30Z") == 1795380690.0
