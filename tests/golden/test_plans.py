"""Golden plans: what each example becomes, as data, from a lock that stays as it is.

A change here is a change of what images consist of, or of the keys that results are kept under. When that is meant,
``make golden`` writes the files in ``plans`` anew; say why in the commit. The locks there are real ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grocker.config import files
from grocker.config.services import DetectedApplication, find_services
from grocker.config.settings import Settings
from grocker.digest import Digest
from grocker.lock.document import parse, render
from grocker.plan.plan import Plan, plan
from grocker.plan.subject import Subject
from tests.architecture.source import ROOT

PLANS = Path(__file__).parent / "plans"
WHEEL = Digest("sha256:" + "1" * 64)
RUNNER = "2" * 64


def polls(platform: str) -> tuple[Subject, Settings]:
    """examples/polls, as its files describe it."""
    settings = files.read(ROOT / "examples" / "polls").settings
    found = find_services(settings, None, DetectedApplication())
    lock = parse((PLANS / "polls.lock").read_text("utf-8"), place="polls.lock").only(platform)
    return Subject(
        name="polls-site",
        title="polls-site 1.0.0",
        version="1.0.0",
        extras=(),
        commands=("polls-site",),
        services=found.table,
        any_service=found.any_service,
        django_settings_module="polls_site.settings",
        base_config=("[polls]\ncolour = blue\n", "polls_site/50_default_settings.ini"),
        crontab=(b"0 4 * * * polls-site tidy\n", "polls_site/crontab"),
        wheel=WHEEL,
        has_getconf=True,
        platform=platform,
        python="3.13",
        lock=lock,
        compiling=lock.platforms[0].debian,
    ), settings


def httpbin(platform: str) -> tuple[Subject, Settings]:
    """A release of the index that declares nothing."""
    lock = parse((PLANS / "httpbin.lock").read_text("utf-8"), place="httpbin.lock").only(platform)
    own = next(file for file in lock.platforms[0].python if file.name == "httpbin")
    return Subject(
        name="httpbin",
        title="httpbin 0.10.4",
        version="0.10.4",
        extras=(),
        commands=(),
        services={},
        any_service=False,
        django_settings_module=None,
        base_config=(None, ""),
        crontab=(None, ""),
        wheel=own.sha256,
        platform=platform,
        python="3.13",
        lock=lock,
        compiling=lock.platforms[0].debian,
    ), Settings()


def as_data(planned: Plan) -> dict[str, Any]:
    """The plan as a document that reads and diffs well."""
    return {
        "platform": planned.platform,
        "interpreter": planned.interpreter,
        "layers": [
            {
                "kind": layer.kind,
                "title": layer.title,
                "key": layer.key,
                "inputs": list(layer.inputs),
                "files": len(layer.files),
            }
            for layer in planned.layers
        ],
        "image.json": json.loads(planned.documents.image_json),
        "50_default_settings.ini": planned.documents.settings_ini.decode(),
        "crontab": (planned.documents.crontab or b"").decode(),
        "config": msgspec.to_builtins(planned.run),
    }


@pytest.mark.parametrize(
    ("example", "platform"),
    [(polls, "linux/amd64"), (polls, "linux/arm64"), (httpbin, "linux/amd64")],
    ids=["polls-amd64", "polls-arm64", "httpbin-amd64"],
)
def test_plan_is_the_golden_one(example: Any, platform: str, pytestconfig: pytest.Config) -> None:
    subject, settings = example(platform)
    planned = plan(
        subject, settings, labels={"team": "shop"}, runner=RUNNER, lock_text=render(subject.lock), epoch=315532800
    )
    golden = PLANS / f"{example.__name__}-{platform.partition('/')[2]}.json"
    found = json.loads(json.dumps(as_data(planned)))
    if pytestconfig.getoption("update_golden"):
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert found == json.loads(golden.read_text("utf-8")), "if this is meant: make golden"


def test_plan_is_the_same_value_when_made_twice() -> None:
    subject, settings = polls("linux/amd64")
    first, second = (plan(subject, settings, labels={}, runner=RUNNER, lock_text="", epoch=0) for _ in range(2))
    assert first == second
