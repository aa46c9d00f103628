"""When a watch builds again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from grocker.builder.result import Built
from grocker.cli.watch import Watch
from grocker.errors import SettingsError


class Workshop:
    """Builds of one file, whose content is the digest."""

    def __init__(self, place: Path) -> None:
        self.file = place / "app.py"
        self.meanwhile: Callable[[], object] = lambda: None
        self.builds = 0
        self.write("one")
        os.utime(self.file, (0, 0))

    def write(self, text: str) -> None:
        whole = self.file.with_suffix(".new")
        whole.write_text(text)
        whole.replace(self.file)

    def build(self) -> Built:
        self.builds += 1
        text = self.file.read_text()
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        if text == "wrong":
            raise SettingsError("it is wrong", hint="mend it")
        return cast("Built", SimpleNamespace(files=(str(self.file), str(self.file.parent)), digest=text))


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    time.sleep(0.02)  # what changes within a tick of the clock before a build may have changed during it
    return made


def later(shop: Workshop, text: str) -> None:
    threading.Timer(0.2, shop.write, [text]).start()


def test_change_is_built(shop: Workshop) -> None:
    watch = Watch(shop.build)
    assert watch.first().digest == "one"
    later(shop, "two")
    assert watch.next().digest == watch.digest == "two"


def test_change_during_a_build_is_not_missed(shop: Workshop) -> None:
    watch = Watch(shop.build)
    shop.meanwhile = lambda: shop.write("two")
    assert watch.first().digest == "one"
    assert watch.next().digest == "two"
    shop.meanwhile = lambda: shop.write("four")
    later(shop, "three")
    assert watch.next().digest == "three"
    assert watch.next().digest == "four"


def test_build_that_writes_where_it_reads_is_not_repeated_for_ever(shop: Workshop) -> None:
    watch = Watch(shop.build)
    shop.meanwhile = lambda: shop.write("one")
    watch.first()
    shop.meanwhile = lambda: shop.write("one")
    watch.next()
    later(shop, "two")
    assert watch.next().digest == "two"
    assert shop.builds == 3


def test_error_is_shown_and_the_next_change_built(shop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch(shop.build)
    watch.first()
    shop.write("wrong")
    shop.meanwhile = lambda: later(shop, "right")
    assert watch.next().digest == "right"
    assert "error: it is wrong\nhint: mend it\n" in capsys.readouterr().err


def test_first_error_ends_the_watch(shop: Workshop) -> None:
    shop.write("wrong")
    with pytest.raises(SettingsError):
        Watch(shop.build).first()
