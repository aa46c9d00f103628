from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest

from grocker.runner.status import formatting
from grocker.runner.status import page as status_page
from grocker.runner.status.values import Check, ProcessStatus, Status
from tests.support.calls import count_calls
from tests.support.statuses import cron_status, job_status, service_status, tail, usage

NOW = time.time()
SERVICE = service_status(NOW, NOW)
CRON = cron_status(NOW, NOW)
TAILS = {name: tail(name) for name in ("www", "nginx")} | {"grocker": tail(None)}
VOID = {"meta", "link", "br", "input", "img", "hr"}


def _changed(status: Status, **fields: object) -> Status:
    return Status(**{name: getattr(status, name) for name in Status.__annotations__} | fields)


class Outline(HTMLParser):
    """Elements that are closed in order, attributes, the text outside of style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def _page(status: Status, *, full: bool = False, token: bool = False) -> Outline:
    return Outline(status_page.text(status, usage(NOW), TAILS if full else None, token=token))


@pytest.mark.parametrize("status", [SERVICE, CRON], ids=["service", "cron"])
@pytest.mark.parametrize("full", [False, True])
def test_H3_page_is_well_formed_and_accessible(status: Status, full: bool) -> None:
    page = _page(status, full=full)
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert len(page.all("caption")) == len(page.all("table")) >= 1
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert not [attributes for _, attributes in page.elements if "style" in attributes or "src" in attributes]
    # Relative: something in front may have put it below another path.
    assert not [link for link in page.all("a") if ":" in str(link["href"]) or str(link["href"]).startswith("/")]
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_H3_service_s_page_tells_of_each_process() -> None:
    text = _page(SERVICE).text
    for words in (
        "polls-site 4.2.1",
        "Ready",
        "www ● Running 8 h 24 min",
        "SIGKILL (137)",
        "worker ↻ Restarting",
        "3 recycled",
    ):
        assert words.replace(" ", "") in text.replace(" ", ""), text
    assert "342 MiB of 768 MiB" in text
    assert "184 233 lines, 12 not delivered to syslog" in text


def test_H3_cron_s_page_tells_of_each_job() -> None:
    text = _page(CRON).text
    for words in (
        "6 jobs",
        "1 failed",
        "*/10 * * * *",
        "tidy-sessions",
        "✓ Succeeded 4 min ago",
        "in 5 min",
        "✕ Failed status 1",
        "● Running 1 min ago",
        "○ Never run",
        "2 missed",
        "2 retries",
    ):
        assert words.replace(" ", "") in text.replace(" ", ""), text


def test_H4_page_shows_commands_and_log_to_holders_of_the_token_alone() -> None:
    for status in (SERVICE, CRON):
        page = _page(status, token=True)
        assert "hunter2" not in page.text
        assert not page.all("pre")
        page = _page(status, full=True, token=True)
        assert "hunter2" in page.text
        assert len(page.all("pre")) == 3
        assert "line 2 <&> \N{SNOWMAN}" in page.text


@pytest.mark.parametrize(
    ("restarts", "was_ready", "ready", "word", "state"),
    [
        (0, False, False, "Starting", "Running"),
        (1, False, False, "Restarting", "Restarted 1 restart lately"),
        (2, False, False, "Crash loop", "Restarted 2 restarts lately"),
        (4, True, False, "Crash loop", "Restarted 4 restarts lately"),
        (1, True, False, "Not ready", "Restarted 1 restart lately"),
        (1, True, True, "Ready", "Restarted 1 restart lately"),
        (3, True, True, "Ready", "Restarted 3 restarts lately"),
    ],
)
def test_H3_crash_loop_is_not_green(restarts: int, was_ready: bool, ready: bool, word: str, state: str) -> None:
    """Its process runs at most moments."""
    process = ProcessStatus(
        name="www", state="running", pid=7, started=NOW, starts=1, restarts=restarts, recent_restarts=restarts
    )
    reason = "the application cannot be loaded: KeyError (shopsite/settings.py:24)"
    check = Check(name="ready", passed=ready, text=reason)
    status = _changed(SERVICE, processes=(process,), ready=(check,), was_ready=was_ready)
    page = _page(status)
    assert status_page.overall(status)[2] == word
    assert state.replace(" ", "") in page.text.replace(" ", "")
    assert reason in page.text


def test_H3_page_tells_host_and_day() -> None:
    """Two replicas look alike, and a time without its day says little after a week."""
    page = _page(_changed(SERVICE, host="shop-www-7f9c-x2x"))
    assert "shop-www-7f9c-x2x" in page.text
    assert formatting.date(SERVICE.since) in page.text


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Ready"),
        ({"stopping": True, "ready": ()}, "Stopping"),
        ({"live": (Check(name="a", passed=False, text="b"),)}, "Down"),
        ({"ready": (Check(name="a", passed=False, text="b"),)}, "Not ready"),
        ({"ready": (Check(name="a", passed=False, text="b"),), "was_ready": False}, "Starting"),
    ],
)
def test_H3_container_is_told_in_one_word(fields: dict[str, object], word: str) -> None:
    status = _changed(SERVICE, **fields)
    page = _page(status)
    assert status_page.overall(status)[2] == word
    assert f"polls-site www: {word}" in page.text
    assert ("a: b" in page.text) == (("ready" in fields and not fields.get("stopping")) or "live" in fields)


def test_H3_names_are_text_whatever_is_in_them() -> None:
    evil = "<script>alert(1)</script>\"'&"
    jobs = (job_status(evil, 1, evil, command=evil),)
    check = (Check(name=evil, passed=False, text=evil),)
    status = _changed(CRON, application=evil, version=evil, service="cron", grocker=evil, jobs=jobs, ready=check)
    page = _page(status, full=True)
    assert len(page.all("script")) == 1
    assert evil in page.text


def test_H3_many_jobs_are_cut_and_counted() -> None:
    jobs = tuple(job_status(f"job{number}", number, "@daily") for number in range(1500))
    page = _page(_changed(CRON, jobs=jobs))
    assert len(page.all("tr")) == 1 + status_page.MOST_JOBS
    assert "1 000 more in status.json" in page.text


def test_H3_page_of_no_jobs_says_so() -> None:
    assert "No jobs" in _page(_changed(CRON, jobs=())).text


def test_H3_page_is_refreshed_without_javascript() -> None:
    text = status_page.text(SERVICE, usage(NOW), None, token=False)
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


def test_H3_page_of_twice_the_jobs_takes_twice_the_calls() -> None:
    def calls(number: int) -> int:
        jobs = tuple(job_status(f"job{n}", n, "@daily", upcoming=NOW + n) for n in range(number))
        status = _changed(CRON, jobs=jobs)
        return count_calls(lambda: status_page.text(status, usage(NOW), None, token=False))

    assert calls(1000) < 2.2 * calls(500)
