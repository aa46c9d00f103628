"""The page of 8081 in a real browser. Contract: H3."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.support.chromium import Browser, chromium
from tests.support.supervised import Served, served

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
NARROW = 360  # CSS pixels, a small phone


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with served(kind="service", token="s3same") as found:
        yield found


@pytest.fixture(scope="module")
def cron() -> Iterator[Served]:
    with served(kind="cron") as found:
        yield found


@pytest.fixture(params=["service", "cron"])
def server(request: pytest.FixtureRequest) -> Served:
    found: Served = request.getfixturevalue(request.param)
    return found


def _address(server: Served, path: str = "/") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def _is_whole(shown: str) -> bool:
    """Whether everything of the page is there."""
    service = ("Processes", "nginx", "● Running", "↻ Restarting", "SIGKILL (137)")
    cron = ("Jobs", "nightly-report", "✕ Failed", "✓ Succeeded", "○ Never run", "30 4 * * mon-fri")
    both = ("polls-site", "4.2.1", "● Ready", "livez passes", "342 MiB of 768 MiB", "Grocker 9.0.0")
    return any(all(words in shown for words in (*both, *kind)) for kind in (service, cron))


def test_H3_page_is_complete_without_javascript(browser: Browser, server: Served) -> None:
    with browser.page(_address(server), script=False) as page:
        assert _is_whole(page.text), page.text
        assert "Updated" in page.text
        assert page.complaints() == []
        assert {address for address in page.asked_for() if not address.startswith("data:")} == {_address(server)}
        if "Processes" in page.text:
            page.wait_for_event("Page.loadEventFired", 2)  # it has loaded itself again


def test_H3_page_is_live_with_javascript(browser: Browser, service: Served) -> None:
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange'))"
    with browser.page(_address(service)) as page:
        page.wait_for("document.getElementById('live').textContent === 'Live'")
        assert _is_whole(page.text), page.text
        page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
        service.signal(signal.SIGUSR1)
        try:
            page.wait_for("document.querySelector('main').innerText.includes('Not ready')")
            assert page.evaluate("document.title").endswith(": Not ready")
            assert page.evaluate("document.querySelector('.why').innerText") == "ready: / does not answer"
            page.evaluate(hide % "true")
            page.evaluate("fetch('/livez').then(answer => answer.text())")  # what it asked before is answered, too
        finally:
            service.signal(signal.SIGUSR1)
        page.evaluate("new Promise(done => setTimeout(done, 2500))")
        before = len(page.asked_for())
        assert page.evaluate("document.title").endswith(": Not ready")
        page.evaluate(hide % "false")
        page.wait_for("document.querySelector('.head .badge').innerText.endsWith('\\nReady')")
        assert len(page.asked_for()) == before + 1
        assert page.evaluate("document.querySelector('.why')") is None
        assert page.evaluate("getSelection().toString()").startswith("polls-site")
        assert len(page.events("Page.loadEventFired")) == 1
        assert page.complaints() == []


def test_H3_page_says_when_it_does_not_get_through_and_goes_on_when_it_does(browser: Browser) -> None:
    with served() as server, browser.page(_address(server)) as page:
        page.wait_for("document.getElementById('live').textContent === 'Live'")
        server.process.kill()
        server.process.wait()
        page.wait_for("document.getElementById('live').textContent.startsWith('No connection since')")
        assert _is_whole(page.text)
        with served(port=server.port):
            page.wait_for("document.getElementById('live').textContent === 'Live'")


def test_H3_page_fits_any_width_and_is_a_table_to_a_screen_reader(browser: Browser, server: Served) -> None:
    with browser.page(_address(server)) as page:
        for width in (NARROW, 600, 768, 1200):
            page.resize(width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            over = (
                "[...document.querySelectorAll('body *')].filter(e => e.getClientRects().length "
                f"&& !e.closest('.unseen, thead') && e.getBoundingClientRect().right > {width} + 0.5)"
                ".map(e => e.outerHTML.slice(0, 80))"
            )
            assert page.evaluate(over) == []
            tree = page.call("Accessibility.getFullAXTree")["nodes"]
            roles = {node["role"]["value"] for node in tree if not node["ignored"]}
            assert {"table", "row", "rowheader", "columnheader", "cell", "main", "heading", "status"} <= roles
            tables = [node["name"]["value"] for node in tree if node["role"]["value"] == "table"]
            assert tables in (["Processes"], ["Jobs"])


def test_H3_page_is_dark_when_the_browser_is(browser: Browser, service: Served) -> None:
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    with browser.page(_address(service), dark=True) as page:
        assert max(page.evaluate(ground)) < 40
    with browser.page(_address(service)) as page:
        assert min(page.evaluate(ground)) > 230


def test_H4_page_shows_log_and_commands_to_who_has_the_token(browser: Browser, service: Served) -> None:
    with browser.page(_address(service).replace("//", "//x:s3same@", 1) + "?token") as page:
        page.wait_for("document.getElementById('live').textContent === 'Live'")
        assert "hunter2" in page.text
        page.evaluate("document.querySelector('details').open = true")
        page.wait_for("performance.getEntriesByType('resource').length >= 1")
        assert page.evaluate("document.querySelector('details').open") is True
        assert "restarting in 0.5 s" in page.text
        assert page.complaints() == []
    with browser.page(_address(service)) as page:
        assert "hunter2" not in page.text
