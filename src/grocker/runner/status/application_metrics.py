"""The application's own metrics, fit to stand behind the runner's in one answer. Contract: H2. Pure.

What is left out: families of the runner's names, and families with a line that is no sample. What stands in several
pieces is put together, as format 0.0.4 wants it; comments, ``# EOF`` and ``# UNIT`` of OpenMetrics go.
"""

from __future__ import annotations

import re

from ..base.value import TYPE_CHECKING
from .metrics import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = rb"[a-zA-Z_:][a-zA-Z0-9_:]*"
_GAP = rb"[ \t]*+"
_LABEL = rb"[a-zA-Z_][a-zA-Z0-9_]*+" + _GAP + rb"=" + _GAP + rb'"(?:[^"\\\n]|\\.)*+"' + _GAP
_LABELS = rb"\{" + _GAP + rb"(?:" + _LABEL + rb"(?:," + _GAP + _LABEL + rb")*+(?:," + _GAP + rb")?)?\}"
_NUMBER = rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|Inf|inf|NaN|nan)"
_SAMPLE = re.compile(
    rb"("
    + _NAME
    + rb"+)"
    + _GAP
    + rb"(?:"
    + _LABELS
    + rb")?+"
    + _GAP
    + rb"(?<![a-zA-Z0-9_:])"
    + _NUMBER
    + rb"(?:[ \t]++-?\d+)?"
)
_ABOUT = re.compile(rb"#[ \t]+(HELP|TYPE)[ \t]+(" + _NAME + rb")(?:[ \t]+(.*))?")
_TYPES = frozenset({b"counter", b"gauge", b"histogram", b"summary", b"untyped"})
_PARTS = {b"histogram": (b"_bucket", b"_sum", b"_count"), b"summary": (b"_sum", b"_count")}


class _Family:
    __slots__ = ("about", "good", "kind", "samples")

    def __init__(self) -> None:
        self.about = b""
        self.kind = b""
        self.samples = bytearray()  # a list of lines would take ten times as much
        self.good = True


class Families:
    """Lines in, text out. ``left_out``: how many families are not in it."""

    def __init__(self) -> None:
        self._families: dict[bytes, _Family] = {}
        self._kinds: dict[bytes, tuple[bytes, ...]] = {}
        self._nameless = 0

    @property
    def left_out(self) -> int:
        """Families, and lines that do not even have a name."""
        return self._nameless + sum(not self._fits(name) for name in self._families)

    def take(self, line: bytes) -> None:
        """One line, without its end."""
        line = line.strip(b" \t\r")
        if not line:
            return
        if line.startswith(b"#"):
            about = _ABOUT.fullmatch(line)
            if about is not None and _is_text(line):
                self._describe(about[1], about[2], about[3] or b"")
            return
        sample = _SAMPLE.fullmatch(line)
        if sample is not None and _is_text(line):
            self._family(self._owner(sample[1])).samples += line + b"\n"
            return
        name = re.match(_NAME, line)
        if name is None:
            self._nameless += 1
        else:
            self._family(self._owner(name[0])).good = False

    def content(self) -> bytes:
        """What is passed on: UTF-8."""
        return b"".join(part for name in self._families if self._fits(name) for part in self._written(name))

    def _fits(self, name: bytes) -> bool:
        return self._families[name].good and not name.startswith(PREFIX.encode())

    def _family(self, name: bytes) -> _Family:
        return self._families.setdefault(name, _Family())

    def _owner(self, sample: bytes) -> bytes:
        """The family of a sample: a histogram's and a summary's have endings."""
        if sample not in self._families:
            for ending in (b"_bucket", b"_sum", b"_count"):
                base = sample.removesuffix(ending)
                found = self._families.get(base) if base != sample else None
                if found is not None and ending in _PARTS.get(found.kind, ()):
                    return base
        return sample

    def _describe(self, what: bytes, name: bytes, rest: bytes) -> None:
        family = self._family(name)
        if what == b"HELP":
            family.about = family.about or rest
            return
        kind = b"untyped" if rest == b"unknown" else rest
        if kind not in _TYPES or (family.kind and family.kind != kind) or (family.samples and not family.kind):
            family.good = False
        family.kind = family.kind or kind

    def _written(self, name: bytes) -> Iterator[bytes | bytearray]:
        family = self._families[name]
        if family.samples:
            if family.about:
                yield b"# HELP " + name + b" " + family.about + b"\n"
            if family.kind:
                yield b"# TYPE " + name + b" " + family.kind + b"\n"
            yield family.samples


def _is_text(line: bytes) -> bool:
    if line.isascii():
        return True
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
