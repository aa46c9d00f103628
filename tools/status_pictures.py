"""The pictures of docs/reference/supervision.md: python -m tools.status_pictures SERVICE CRON

SERVICE and CRON are addresses of port 8081 of two containers, as http://172.17.0.2:8081. Needs chromium and pngquant.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.chromium import Browser, chromium

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDE, NARROW = 1100, 400  # CSS pixels


def _take(
    browser: Browser, name: str, address: str, *, width: int, height: int | None = None, dark: bool = False
) -> None:
    """``height``: what is shown of the page, None for all of it."""
    path = IMAGES / f"status-{name}.png"
    with browser.page(address, width=width, height=600, dark=dark) as page:
        page.wait_for("document.getElementById('live').textContent === 'Live'")
        whole = int(page.evaluate("Math.ceil(document.querySelector('footer').getBoundingClientRect().bottom)"))
        page.resize(width, height or whole, scale=2)
        page.screenshot(path, whole=False)
    subprocess.run(["pngquant", "--force", "--speed", "1", "--strip", "--output", path, "64", path], check=True)
    print(f"{path.name}: {path.stat().st_size >> 10} KiB")


def main() -> None:
    service, cron = sys.argv[1:]
    IMAGES.mkdir(exist_ok=True)
    hosts = [str(urlsplit(address).hostname) for address in (service, cron)]
    with tempfile.TemporaryDirectory() as directory, chromium(Path(directory), hosts) as browser:
        _take(browser, "service", service, width=WIDE)
        _take(browser, "cron", cron, width=WIDE)
        _take(browser, "dark", service, width=WIDE, dark=True)
        _take(browser, "phone", cron, width=NARROW, height=1100)


if __name__ == "__main__":
    main()
