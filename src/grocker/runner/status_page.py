"""Status as a page for people. Contract: H3, H4. Pure."""

from __future__ import annotations

from .value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .status import Status
    from .usage import Usage

TYPE = "text/html; charset=utf-8"
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def text(status: Status, usage: Usage, tail: Sequence[str] | None, *, token: bool) -> str:
    """The whole page. ``tail``: the log's last lines for a holder of the token; ``token``: whether there is one."""
    return f"<!doctype html><html lang=en><title>{_escaped(status.application)}</title>"


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
