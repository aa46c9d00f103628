"""What Prometheus's own library reads."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from grocker.runner.log.log import LogStatus
from grocker.runner.status import metrics
from grocker.runner.status.usage import TreeUsage, Usage
from grocker.runner.status.values import Status
from tests.support import supervised
from tests.support.statuses import SECRET_ARGUMENT, cron_status, job_status, service_status, usage

NOW = time.time()


def _families(text: str) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for family in text_string_to_metric_families(text):
        assert family.name not in found, f"{family.name} stands in two places"
        found[family.name] = family
    return found


def _values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """By the labels' values, without the service's."""
    return {
        tuple(value for label, value in sample.labels.items() if label != "service"): sample.value
        for family in _families(text).values()
        for sample in family.samples
        if sample.name == name
    }


def _service() -> str:
    return metrics.text(service_status(NOW, NOW), usage(NOW))


def _cron() -> str:
    return metrics.text(cron_status(NOW, NOW), usage(NOW))


def test_H2_service_s_metrics_are_those_of_its_processes() -> None:
    text = _service()
    assert _values(text, "grocker_process_state")[("www", "running")] == 1
    assert _values(text, "grocker_process_state")[("worker", "waiting")] == 1
    assert sum(_values(text, "grocker_process_state").values()) == 3
    assert _values(text, "grocker_process_starts_total") == {("www",): 2, ("nginx",): 1, ("worker",): 4}
    assert _values(text, "grocker_process_restarts_total") == {("www",): 1, ("nginx",): 0, ("worker",): 3}
    assert _values(text, "grocker_process_recycled_total")[("www",)] == 3
    assert _values(text, "grocker_process_last_exit_status") == {("www",): 137, ("worker",): 1}
    assert _values(text, "grocker_process_uptime_seconds")[("www",)] == pytest.approx(0.35 * 86400)
    assert _values(text, "grocker_process_cpu_seconds_total")[("nginx",)] == 92.5
    assert _values(text, "grocker_process_resident_memory_bytes")[("nginx",)] == 14 << 20
    assert _values(text, "grocker_process_open_files") == {("www",): 148, ("nginx",): 61}
    assert _values(text, "grocker_process_workers") == {("www",): 5, ("nginx",): 2}
    assert _values(text, "grocker_log_dropped_lines_total") == {("syslog",): 12}
    assert _values(text, "grocker_log_lines_total") == {(): 184233}
    assert _values(text, "grocker_log_syslog_connected") == {(): 1}
    assert _values(text, "grocker_container_oom_kills_total") == {(): 1}
    assert _values(text, "grocker_ready") == {(): 1}
    assert not [name for name in _families(text) if name.startswith("grocker_cron_")]


def test_H2_cron_s_metrics_are_those_of_its_jobs() -> None:
    text = _cron()
    assert _values(text, "grocker_cron_runs_total")[("import-feeds",)] == 914
    assert _values(text, "grocker_cron_failures_total")[("nightly-report",)] == 1
    assert _values(text, "grocker_cron_retries_total")[("nightly-report",)] == 2
    assert _values(text, "grocker_cron_skips_total")[("import-feeds",)] == 4
    assert _values(text, "grocker_cron_missed_total")[("search-index",)] == 2
    assert _values(text, "grocker_cron_running") == {
        (job.name,): job.name == "import-feeds" for job in cron_status(NOW, NOW).jobs
    }
    assert _values(text, "grocker_cron_last_exit_status")[("nightly-report",)] == 1
    assert _values(text, "grocker_cron_last_duration_seconds")[("tidy-sessions",)] == 1.43
    assert _values(text, "grocker_cron_last_start_time_seconds")[("tidy-sessions",)] == NOW - 252
    assert _values(text, "grocker_cron_last_success_time_seconds")[("tidy-sessions",)] == NOW - 250.5
    assert _values(text, "grocker_cron_next_run_time_seconds")[("tidy-sessions",)] == NOW + 348
    assert ("warm-cache",) not in _values(text, "grocker_cron_next_run_time_seconds")
    assert ("invoices",) not in _values(text, "grocker_cron_last_start_time_seconds")
    assert not [name for name in _families(text) if name.startswith("grocker_process_")]


@pytest.mark.parametrize("text", [_service(), _cron(), metrics.scrape_text(False, 2.0, 0)])
def test_H2_text_is_strict(text: str) -> None:
    """HELP, TYPE, samples, in this order, of each family once; counters and nothing else end in _total."""
    described: list[str] = []
    for family in re.findall(r"# HELP .*?(?=# HELP|\Z)", text, re.DOTALL):
        about, kind, *samples = family.splitlines()
        name = about.split()[2]
        described.append(name)
        assert re.fullmatch(rf"# TYPE {name} (counter|gauge)", kind)
        assert samples
        assert all(re.match(rf"{name}[ {{]", sample) for sample in samples)
        assert name.startswith("grocker_")
        assert name.endswith("_total") == kind.endswith(" counter")
        assert about.endswith(".")
    assert len(described) == len(set(described))
    assert text.endswith("\n")
    assert len(text.splitlines()) == sum(len(f.samples) + 2 for f in _families(text).values())


@pytest.mark.parametrize("text", [_service(), _cron()])
def test_H4_metrics_name_no_command(text: str) -> None:
    assert "hunter2" not in text
    assert SECRET_ARGUMENT not in text
    assert "gunicorn" not in text


@settings(max_examples=30)
@given(st.text(min_size=1))
def test_H2_label_comes_through_whatever_is_in_it(name: str) -> None:
    name = name.encode("utf-8", "replace").decode()
    now = service_status(NOW, NOW)
    status = Status(
        **{field: getattr(now, field) for field in Status.__annotations__}
        | {"jobs": (job_status(name, 1, "@daily", runs=7),), "application": name}
    )
    text = metrics.text(status, usage(NOW))
    assert _values(text, "grocker_cron_runs_total") == {(name,): 7}


def test_H2_what_is_not_known_is_left_out() -> None:
    now = service_status(NOW, NOW)
    bare = {field: getattr(now, field) for field in Status.__annotations__} | {"processes": (), "log": LogStatus()}
    nothing = TreeUsage(cpu=0.0, memory=0, open_files=None, workers=0)
    names = set(_families(metrics.text(Status(**bare), Usage(trees={}, runner=nothing))))
    assert not {name for name in names if "process" in name or "container" in name or "syslog" in name}
    assert "grocker_runner_open_files" not in names
    assert "grocker_log_lines" in names


def test_H2_reference_names_each_family_with_its_type() -> None:
    page = (supervised.ROOT / "docs" / "reference" / "supervision.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(grocker_\w+)` \| (\w+) \|", page, re.MULTILINE))
    told = {
        (f"{family.name}_total" if family.type == "counter" else family.name): family.type
        for text in (_service(), _cron(), metrics.scrape_text(True, 0.1, 0))
        for family in _families(text).values()
    }
    assert listed == told
