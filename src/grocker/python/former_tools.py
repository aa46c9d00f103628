"""Build requirements as they were when an old sdist was written, which asks for no versions."""

from __future__ import annotations

import re

from grocker.errors import GrockerError
from grocker.python.metadata import normalise_name
from grocker.python.project import Project
from grocker.regex import regex

_FORMER = (
    {"setuptools": "setuptools<72", "cython": "cython<3"},
    {"setuptools": "setuptools<58", "cython": "cython<3"},
)
"""setuptools 72 dropped ``setup.py test``, later releases more of what old scripts import, 58 ``use_2to3``"""
_OUTDATED = regex(
    r"use_2to3|\b(?:Import|ModuleNotFound|Attribute)Error\b|cython_sources|InvalidVersion|InvalidConfigError"
    r"|setup command|Cython\.Compiler\.Errors"
)


def former_tools(project: Project) -> list[tuple[str, ...]]:
    """Return bounds of the project's build requirements to try when the newest ones fail, one set after the other."""
    names = {normalise_name(re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0]) for text in project.build_requires}
    found = (tuple(text for name, text in sorted(tools.items()) if name in names) for tools in _FORMER)
    return list(dict.fromkeys(bounds for bounds in found if bounds))


def is_outdated(error: GrockerError) -> bool:
    """Whether a back end says what is said where a project was written for former tools."""
    return _OUTDATED.search(error.message) is not None
