"""A real Chromium without a window, driven by the DevTools protocol through its pipe. It reaches no other machine.

Source: Chromium's ``--remote-debugging-pipe``: JSON messages that end with NUL, its descriptors 3 (in) and 4 (out).
"""

from __future__ import annotations

import base64
import json
import os
import select
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One that runs. ``events``: those that came, with their session."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, come_from: int) -> None:
        self._process = process
        self._to = to
        self._from = come_from
        self._data = b""
        self._count = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: object) -> dict[str, Any]:
        """The result of a command."""
        self._count += 1
        message: dict[str, object] = {"id": self._count, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        limit = time.monotonic() + PATIENCE
        while True:
            answer = self._next(limit - time.monotonic())
            assert answer is not None, f"chromium does not answer {method}"
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def listen(self, seconds: float) -> None:
        """Takes the events of so long."""
        limit = time.monotonic() + seconds
        while (event := self._next(limit - time.monotonic())) is not None:
            self.events.append(event)

    def _next(self, seconds: float) -> dict[str, Any] | None:
        while b"\0" not in self._data:
            if not select.select([self._from], [], [], max(0.0, seconds))[0]:
                return None
            block = os.read(self._from, 1 << 20)
            assert block, f"chromium has ended with {self._process.poll()}"
            self._data += block
        message, _, self._data = self._data.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    @contextmanager
    def page(
        self,
        address: str,
        *,
        width: int = 1200,
        height: int = 900,
        dark: bool = False,
        script: bool = True,
        scale: int = 1,
    ) -> Iterator[Page]:
        """A window of its own, without anything remembered, once ``address`` is loaded."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.resize(width, height, scale)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.call("Emulation.setScriptExecutionDisabled", value=not script)
        page.call("Page.navigate", url=address)
        page.wait_for_event("Page.loadEventFired")
        yield page
        self.call("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """A window with a page in it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def resize(self, width: int, height: int = 900, scale: int = 1) -> None:
        """In CSS pixels; ``scale``: pixels of the screen for each."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def events(self, method: str) -> list[dict[str, Any]]:
        """What came so far."""
        self._browser.listen(0)
        found = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [event["params"] for event in found if event["method"] == method]

    def wait_for_event(self, method: str, number: int = 1) -> None:
        limit = time.monotonic() + PATIENCE
        while len(self.events(method)) < number:
            assert time.monotonic() < limit, f"no {method}"
            self._browser.listen(0.05)

    def evaluate(self, expression: str) -> Any:
        """Its value, also where the page's own scripts are off."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Its value, once it is true."""
        limit = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < limit, f"never true: {expression}"
            self._browser.listen(0.05)
        return value

    @property
    def text(self) -> str:
        return " ".join(str(self.evaluate("document.body.innerText")).split())

    def complaints(self) -> list[str]:
        """Errors and warnings of the page and about it."""
        thrown = [str(event["exceptionDetails"]) for event in self.events("Runtime.exceptionThrown")]
        said = [
            str(event) for event in self.events("Runtime.consoleAPICalled") if event["type"] in ("error", "warning")
        ]
        entries = [event["entry"] for event in self.events("Log.entryAdded")]
        return [*thrown, *said, *(str(entry) for entry in entries if entry["level"] in ("error", "warning"))]

    def asked_for(self) -> list[str]:
        """The addresses of everything that was fetched."""
        return [str(event["request"]["url"]) for event in self.events("Network.requestWillBeSent")]

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of what shows, or of the ``whole`` page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def chromium(directory: Path, hosts: Sequence[str] = ("127.0.0.1",)) -> Iterator[Browser]:
    """``directory``: for what it keeps, empty; ``hosts``: addresses that it reaches, no others."""
    read, to = os.pipe()
    come_from, write = os.pipe()
    rules = ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {host}" for host in hosts)])
    line = shlex.join(
        ["chromium", *_OPTIONS, f"--host-resolver-rules={rules}", f"--user-data-dir={directory}", "about:blank"]
    )
    with (directory / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line} 3<&{read} 4>&{write}"],
            pass_fds=(read, write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, "HOME": str(directory), "DBUS_SESSION_BUS_ADDRESS": "disabled:"},
            start_new_session=True,
        )
    os.close(read)
    os.close(write)
    browser = Browser(process, to, come_from)
    try:
        yield browser
        browser.call("Browser.close")
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()
        os.close(to)
        os.close(come_from)
