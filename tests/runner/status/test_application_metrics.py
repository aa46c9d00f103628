from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.parser import text_string_to_metric_families

from grocker.runner.status import metrics
from grocker.runner.status.application_metrics import MetricFamilies
from tests.support.statuses import service_status, usage


def _taken(text: str | bytes) -> MetricFamilies:
    families = MetricFamilies()
    for line in (text if isinstance(text, bytes) else text.encode()).split(b"\n"):
        families.add_line(line)
    return families


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("polls_votes", "Votes\nby \\ poll", ["poll"], registry=registry).labels('a "b"\\\n').inc(3)
    Gauge("polls_open", "Open", registry=registry).set(float("inf"))
    Histogram("polls_seconds", "Time", ["view"], registry=registry).labels("x").observe(0.3)
    Summary("polls_size", "Size", registry=registry).observe(12)
    Info("polls_build", "Build", registry=registry).info({"commit": "abc"})
    return registry


def _samples(text: str) -> list[tuple[str, str, dict[str, str], float]]:
    return [
        (family.name, family.type, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value == sample.value
    ]


def test_H2_application_s_metrics_come_through_as_they_were() -> None:
    text = generate_latest(_registry()).decode()
    families = _taken(text)
    assert _samples(families.text().decode()) == _samples(text)
    assert families.text().decode() == text
    assert families.dropped == 0


def test_H2_both_together_are_one_valid_text() -> None:
    now = time.time()
    text = metrics.text(service_status(now, now), usage(now)) + metrics.scrape_text(True, 0.1, 0)
    text += _taken(generate_latest(_registry())).text().decode()
    names = [family.name for family in text_string_to_metric_families(text)]
    assert len(names) == len(set(names))
    assert {"grocker_info", "grocker_application_scrape_success", "polls_votes", "polls_seconds"} <= set(names)


def test_H2_openmetrics_is_taken_for_what_it_shares() -> None:
    families = _taken(exposition.generate_latest(_registry()))  # type: ignore[no-untyped-call]
    text = families.text().decode()
    assert "# EOF" not in text and "# UNIT" not in text
    assert 'polls_seconds_bucket{le="0.5",view="x"} 1.0' in text
    assert any(name == "polls_votes_total" for name, *_ in _samples(text))


@pytest.mark.parametrize(
    "bad",
    [
        "a",
        "a{} ",
        "a 1 2 3",
        "a one",
        "a{b=c} 1",
        'a{b="c} 1',
        'a{b="c" d="e"} 1',
        'a{1b="c"} 1',
        "a{,} 1",
        "a 1.2.3",
        "a 1 1.5",
        'a{b="c"} 1 # {trace="x"} 1',
        "a 0x10",
        "a 1_000",
        'a{b="c",b="d"} 1',
        'a{ b = "c" , d="b=" , b="c"} 1',
        'a{__name__="b"} 1',
        "a 1e400",
        "a " + "9" * 400,
        "a 1 " + "9" * 19,
    ],
)
def test_H2_family_is_left_out_when_a_line_of_it_is_malformed(bad: str) -> None:
    families = _taken(f"good 1\n# TYPE a gauge\na 1\n{bad}\nbetter 2\n")
    assert families.text().decode() == "good 1\nbetter 2\n"
    assert families.dropped == 1


def test_H2_line_without_a_value_is_a_family_of_its_own() -> None:
    assert _taken("a 1\na1\n").text().decode() == "a 1\n"


@pytest.mark.parametrize(
    "good",
    [
        "a 1",
        "a{} 1",
        "a  -1.5e+10",
        "a\t+Inf",
        "a NaN 1395066363000",
        'a{b="c",} 1',
        'a{ b = "c" , d="\\"\\\\\\n" } .5',
        'a{b="é☃ {},="} 1.',
        "a:b 1",
        "a 1e-400",
        'a{b__="__c=__"} 1',
        'a{b="b=",c="b=\\"b"} 1',
        "a 1 " + "9" * 18,
        "a{}1",
        "a 1\r",
    ],
)
def test_H2_family_comes_through_when_its_lines_are_well_formed(good: str) -> None:
    families = _taken(good)
    assert families.dropped == 0
    assert families.text().decode() == good.rstrip("\r") + "\n"
    assert len(list(text_string_to_metric_families(families.text().decode()))) == 1


def test_H2_family_is_left_out_when_it_is_named_like_ours() -> None:
    families = _taken("# HELP grocker_ready x\n# TYPE grocker_ready gauge\ngrocker_ready 0\ngrocker_evil 1\nother 1\n")
    assert families.text().decode() == "other 1\n"
    assert families.dropped == 2


def test_H2_family_in_pieces_is_put_together() -> None:
    text = '# TYPE a counter\na 1\nb 2\na{x="1"} 3\n# HELP b about b\n'
    assert _taken(text).text().decode() == '# TYPE a counter\na 1\na{x="1"} 3\n# HELP b about b\nb 2\n'


@pytest.mark.parametrize(
    "text",
    [
        "# TYPE a counter\n# TYPE a gauge\na 1\n",
        "# TYPE a nonsense\na 1\n",
        "a 1\n# TYPE a gauge\na 2\n",
    ],
)
def test_H2_family_is_left_out_when_its_type_is_malformed(text: str) -> None:
    families = _taken(text + "b 1\n")
    assert families.text().decode() == "b 1\n"
    assert families.dropped == 1


def test_H2_family_is_left_out_with_its_type_when_it_has_no_samples() -> None:
    assert _taken("# HELP a about\n# TYPE a gauge\n# just a comment\n#\n").text().decode() == ""


@given(st.binary(max_size=300))
def test_H2_whatever_comes_gives_text_that_can_be_read(data: bytes) -> None:
    for prefix in (b"", b'# TYPE a histogram\na_bucket{le="1"} 1\n', b'a{b="', b"# HELP "):
        text = _taken(prefix + data).text().decode()
        list(text_string_to_metric_families(text))


@pytest.mark.parametrize(
    "line",
    [
        b"a" + b" " * 2_000_000 + b"x",
        b'a{b="' + b"\\" * 2_000_001,
        b"a{" + b'b="c",' * 500_000,
        b"a" * 2_000_000,
        b"#" * 2_000_000,
    ],
)
def test_H2_long_lines_do_not_hang(line: bytes) -> None:
    """A pattern that tried again at every byte would take hours."""
    _taken(line)
