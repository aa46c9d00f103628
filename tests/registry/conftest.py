"""A registry in memory, and what asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from grocker.web import Transport
from tests.support import registry as support
from tests.support.registry import Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    with support.running() as one:
        yield one


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport(environ={}, attempts=3, sleep=lambda _: None) as one:
        yield one
