"""What of a Compose file becomes settings."""

from __future__ import annotations

from typing import Any

import pytest

from grocker.draft.compose import translate_compose
from grocker.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "services", "places"),
    [
        (
            """
            services:
              web: {build: ., command: 'gunicorn shop:app'}
              worker: {build: {context: .}, command: [celery, -A, shop, worker]}
              db: {image: postgres}
            """,
            {"www": {"wsgi": "shop:app"}, "worker": {"command": ["celery", "-A", "shop", "worker"]}},
            ["compose.yaml: db"],
        ),
        ("services:\n  web:\n    build: .\n", {}, []),
        ("services:\n  web:\n    build: .\n    command: python manage.py runserver\n", {}, ["compose.yaml: web"]),
        ("services:\n  web:\n    build: ./web\n    command: a\n", {}, ["compose.yaml: web"]),
        ("services:\n  web:\n    build: .\n    entrypoint: ./a.sh\n    command: a\n", {}, ["compose.yaml: web"]),
        ("services:\n  web:\n    build: ./\n    environment: {A: 1}\n", {}, ["compose.yaml: web"]),
        ("services: [a]\n", {}, []),
        ("services: {web: 1}\n", {}, []),
        ("- a\n", {}, []),
        ("", {}, []),
    ],
)
def test_own_services_are_taken_over(text: str, services: dict[str, Any], places: list[str]) -> None:
    found = translate_compose(text, "compose.yaml")
    assert found.services == services
    assert [remark.place for remark in found.remarks] == places


def test_command_is_left_when_it_is_an_entrypoint_scripts_argument() -> None:
    found = translate_compose("services:\n  web:\n    build: .\n    command: serve\n", "c", has_entry_script=True)
    assert found.services == {}
    assert [remark.what for remark in found.remarks] == ["command serve"]


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "[" * 5000, "a: !!python/object:os.system x"])
def test_compose_file_is_refused_when_it_is_malformed(text: str) -> None:
    with pytest.raises(SettingsError, match=r"reading compose\.yaml: not YAML"):
        translate_compose(text, "compose.yaml")
