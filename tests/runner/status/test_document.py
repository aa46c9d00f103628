from __future__ import annotations

import json
import re
import time

from grocker.runner.status import document as status_document
from grocker.runner.status.values import Status
from tests.support import supervised
from tests.support.statuses import cron_status, job_status, service_status, usage

NOW = time.time()


def test_H3_document_is_readable_when_a_crontab_was_not_utf_8() -> None:
    now = cron_status(NOW, NOW)
    fields = {name: getattr(now, name) for name in Status.__annotations__}
    job = job_status("a", 1, "@daily", command="echo \udcff\u00e9\U0001f600")
    text = status_document.text(Status(**fields | {"jobs": (job,)}), usage(NOW), {})
    assert text.isascii()
    assert json.loads(text)["jobs"][0]["command"] == "echo \ufffd\u00e9\U0001f600"


def _paths(value: object, place: str = "") -> set[str]:
    if isinstance(value, dict):
        return {
            found for name, inside in value.items() for found in _paths(inside, f"{place}.{name}" if place else name)
        }
    if isinstance(value, list):
        return {found for inside in value for found in _paths(inside, f"{place}[]")} or {f"{place}[]"}
    return {place}


def _whole(*, full: bool) -> set[str]:
    tails = {"grocker": ["x"]} if full else None
    found = set()
    for status in (service_status(NOW, NOW), cron_status(NOW, NOW)):
        text = status_document.text(status, usage(NOW), tails)
        assert text.endswith("}\n") and text.count("\n") == 1
        found |= _paths(json.loads(text))
    return {re.sub(r"^(tails|log\.dropped)\..*", r"\1", path) for path in found} - {"processes[]", "jobs[]"}


def test_H3_document_is_what_the_reference_describes() -> None:
    page = (supervised.ROOT / "docs" / "reference" / "supervision.md").read_text(encoding="utf-8")
    table = page.split("## `/status.json`")[1].split("\n## ")[0]
    listed = dict(re.findall(r"^\| `([\w.\[\]]+)` \| ([^|]*) \|", table, re.MULTILINE))
    assert set(listed) == _whole(full=True)
    assert {name for name, kind in listed.items() if "token" not in kind} == _whole(full=False)


def test_H3_document_tells_what_the_page_tells() -> None:
    document = json.loads(status_document.text(service_status(NOW, NOW), usage(NOW), None))
    assert document["application"] == {"name": "polls-site", "version": "4.2.1"}
    assert document["ready"] is True
    assert document["processes"][0]["state"] == "running"
    assert document["processes"][2] | {"name": "", "state": ""} == {
        "name": "",
        "state": "",
        "started": None,
        "starts": 4,
        "restarts": 3,
        "recycled": 0,
        "recent_restarts": 0,
        "last_exit": 1,
        "cpu_seconds": None,
        "memory": None,
        "open_files": None,
        "workers": None,
    }
    jobs = {
        job["name"]: job for job in json.loads(status_document.text(cron_status(NOW, NOW), usage(NOW), None))["jobs"]
    }
    assert {name: job["state"] for name, job in jobs.items()} == {
        "tidy-sessions": "succeeded",
        "nightly-report": "failed",
        "import-feeds": "running",
        "invoices": "new",
        "search-index": "succeeded",
        "warm-cache": "succeeded",
    }
