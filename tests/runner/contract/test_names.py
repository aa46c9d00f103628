from __future__ import annotations

from grocker.runner.contract import names
from grocker.runner.contract.names import ContainerLayout


def test_layout_is_that_of_the_contract() -> None:
    layout = ContainerLayout()
    assert (layout.config, layout.media, layout.scripts) == ("/config", "/media", "/scripts")
    assert (layout.application_port, layout.status_port) == (8080, 8081)
    assert layout.prepared == "/tmp/.grocker/config"
    assert names.PATH.split(":")[:2] == ["/opt/venv/bin", "/opt/grocker/bin"]


def test_scratch_holds_all_that_is_made() -> None:
    layout = ContainerLayout(scratch="/s")
    made = (layout.prepared, layout.merged, layout.sources, layout.front, layout.upstream, layout.notify)
    assert all(path.startswith("/s/") for path in made)
    assert len(set(made)) == len(made)
