"""Why an image differs on purpose from what apt makes."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """A kind of difference."""

    pattern: re.Pattern[str]
    """of what ``compare.differences`` says, whole"""
    reason: str


EXPLANATIONS = (
    Explanation(
        re.compile(r"755 root:root, not 2755 root:_ssh /usr/bin/ssh-agent|lacks group _ssh"),
        "guards the agent's memory from other processes of the same user; a container has one user",
    ),
    Explanation(re.compile(r"lacks /var/lib/xfonts(?:/.*)?"), "a list for X servers"),
)


def explain(difference: str) -> Explanation | None:
    """Return why an image has this difference; None: nobody has said why."""
    return next((one for one in EXPLANATIONS if one.pattern.fullmatch(difference)), None)
