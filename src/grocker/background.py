"""A job beside everything else, which nothing waits for but who needs its result."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_Result = TypeVar("_Result")


def start(job: Callable[[], _Result], name: str) -> Future[_Result]:
    """Start a job in a thread of that name, which delays neither an error nor Ctrl-C; its result or error follows."""
    promised: Future[_Result] = Future()

    def run() -> None:
        try:
            promised.set_result(job())
        except BaseException as error:  # noqa: BLE001 - raised where the result is wanted
            promised.set_exception(error)

    Thread(target=run, name=name, daemon=True).start()
    return promised
