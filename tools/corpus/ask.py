"""Ask a page of the container in which this runs, and print the last status and the body.

Standard library only: it is passed to the image's own interpreter. The container has no network, so a redirect to
another host, or to https, counts as the answer.
"""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urljoin, urlsplit


def ask(port: int, path: str) -> tuple[int, str]:
    """Return status and body of ``path``, after at most five redirects."""
    here = f"http://localhost:{port}"
    url = urljoin(here, path)
    for _ in range(5):
        status, body, place = _get(port, url)
        if status not in (301, 302, 303, 307, 308) or not urljoin(url, place).startswith(here):
            return status, body
        url = urljoin(url, place)
    return 0, f"more than five redirects, the last to {url}"


def _get(port: int, url: str) -> tuple[int, str, str]:
    """Return status, body and ``Location``."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", f"{parts.path or '/'}?{parts.query}".rstrip("?"), headers={"Host": parts.netloc})
    response = connection.getresponse()
    return response.status, response.read().decode("utf-8", "replace"), response.getheader("Location") or url


if __name__ == "__main__":
    try:
        status, text = ask(int(sys.argv[1]), sys.argv[2])
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(status)
    print(text)
