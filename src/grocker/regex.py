"""Regular expressions that are compiled when they are first used.

A rebuild imports modules with some two hundred of them and uses a fifth; compiling all took a tenth of its time.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """The expression, with the methods of what ``re.compile`` returns; not for functions that take such an object."""
    return cast("re.Pattern[AnyStr]", _Lazy(text, flags))


class _Lazy:
    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._given), name)
        setattr(self, name, found)  # the next time it is found without this method
        return found
