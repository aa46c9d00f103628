from __future__ import annotations

import asyncio
import logging
import logging.config
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grocker.runner.servers import inside

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


async def completes(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def returns(scope: Any, receive: Any, send: Any) -> None:
    return


async def returns_after_the_event(scope: Any, receive: Any, send: Any) -> None:
    await receive()


async def raises(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"


async def exits(scope: Any, receive: Any, send: Any) -> None:
    raise SystemExit(3)


class Returns:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return


async def fails(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def fails_and_raises(scope: Any, receive: Any, send: Any) -> None:
    await fails(scope, receive, send)
    raise ValueError("no database")


@pytest.fixture
def pipe() -> Iterator[tuple[int, str]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, f"/proc/self/fd/{writer}"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("behind_nginx", [False, True])
@pytest.mark.parametrize(
    ("application", "told"),
    [
        (completes, b"."),
        (returns, b"."),
        (returns_after_the_event, b"."),
        (Returns(), b"."),
        (raises, b"."),
        (exits, b"."),
        (fails, b""),
        (fails_and_raises, b""),
    ],
)
def test_worker_is_ready_once_unless_the_application_says_that_it_failed(
    pipe: tuple[int, str], application: Asgi, told: bytes, behind_nginx: bool
) -> None:
    """Servers serve an application that does not support lifespan, whichever way it says so."""
    reader, path = pipe

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: object) -> None:
        pass

    wrapped = inside.wrap_asgi(application, path, behind_nginx=behind_nginx)
    try:
        asyncio.run(wrapped({"type": "lifespan"}, receive, send))
    except (AssertionError, ValueError, SystemExit):
        pass
    try:
        assert os.read(reader, 100) == told
    except BlockingIOError:
        assert told == b""


@pytest.mark.parametrize(
    ("level", "where"),
    [(logging.DEBUG, 0), (logging.INFO, 0), (25, 0), (logging.WARNING, 1), (35, 1), (logging.ERROR, 2), (60, 2)],
)
@pytest.mark.parametrize("settings", [False, True])
def test_record_goes_where_its_level_belongs(tmp_path: Path, level: int, where: int, settings: bool) -> None:
    """syslog's severity is that of the pipe; the text stays as the server formats it."""
    files = [tmp_path / name for name in ("info", "warning", "error")]
    opened = [file.open("w", buffering=1) for file in files]
    logger = logging.getLogger(f"grocker.test.{settings}")
    if settings:
        table = {
            "version": 1,
            "formatters": {"f": {"format": "[%(levelname)s] %(message)s"}},
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "f", "stream": opened[2]}},
            "loggers": {logger.name: {"handlers": ["console"], "level": 1, "propagate": False}},
        }
        inside.split_level_settings(table, "console", (str(files[0]), str(files[1])), inside.LevelRange)
        logging.config.dictConfig(table)
    else:
        handler = logging.StreamHandler(opened[2])
        handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
        logger.handlers[:] = [handler]
        logger.setLevel(1)
        logger.propagate = False
        inside.split_levels(logger, opened[0].fileno(), opened[1].fileno())
    logger.log(level, "starting")
    expected = f"[{logging.getLevelName(level)}] starting\n"
    assert [file.read_text() for file in files] == [expected if place == where else "" for place in range(3)]
    for file in opened:
        file.close()
