"""Filters the application's own metrics so that they can follow the runner's in one response. Contract: H2. Pure.

Dropped are families named like the runner's, and families with an invalid line. Families in several pieces are joined,
as format 0.0.4 requires; comments, ``# EOF`` and ``# UNIT`` of OpenMetrics are removed.
"""

from __future__ import annotations

import math
import re

from ..base.value import TYPE_CHECKING
from .metrics import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = rb"[a-zA-Z_:][a-zA-Z0-9_:]*"
_GAP = rb"[ \t]*"
_LABEL_NAME = rb"[a-zA-Z_][a-zA-Z0-9_]*"
# Nothing is possessive, which Python 3.9 does not know; each part begins with what the one before cannot have.
_LABEL_VALUE = _GAP + rb"=" + _GAP + rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"' + _GAP
_LABEL = _LABEL_NAME + _LABEL_VALUE
_LABELS = rb"\{" + _GAP + rb"(?:" + _LABEL + rb"(?:," + _GAP + _LABEL + rb")*(?:," + _GAP + rb")?)?\}"
_NUMBER = rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|Inf|inf|NaN|nan)"
_SAMPLE = re.compile(
    rb"("
    + _NAME
    + rb")"
    + _GAP
    + rb"(?:("
    + _LABELS
    + rb")"
    + _GAP
    + rb")?(?<![a-zA-Z0-9_:])("
    + _NUMBER
    + rb")(?:[ \t]+-?\d{1,18})?"  # 64 bits, in milliseconds
)
_LABEL_NAMES = re.compile(rb"(" + _LABEL_NAME + rb")" + _LABEL_VALUE)
_ABOUT = re.compile(rb"#[ \t]+(HELP|TYPE)[ \t]+(" + _NAME + rb")(?:[ \t]+(.*))?")
_TYPES = frozenset({b"counter", b"gauge", b"histogram", b"summary", b"untyped"})
_PARTS = {b"histogram": (b"_bucket", b"_sum", b"_count"), b"summary": (b"_sum", b"_count")}


class _Family:
    __slots__ = ("help", "kind", "samples", "valid")

    def __init__(self) -> None:
        self.help = b""
        self.kind = b""
        self.samples = bytearray()  # a list of lines would take ten times the memory
        self.valid = True


class MetricFamilies:
    """Lines in, text out."""

    def __init__(self) -> None:
        self._families: dict[bytes, _Family] = {}
        self._kinds: dict[bytes, tuple[bytes, ...]] = {}
        self._nameless = 0

    @property
    def dropped(self) -> int:
        """The number of dropped families, and of lines without even a name."""
        return self._nameless + sum(not self._is_kept(name) for name in self._families)

    def add_line(self, line: bytes) -> None:
        """Add a line, without its line end."""
        line = line.strip(b" \t\r")
        if not line:
            return
        if line.startswith(b"#"):
            about = _ABOUT.fullmatch(line)
            if about is not None and _is_text(line):
                self._describe(about[1], about[2], about[3] or b"")
            return
        sample = _SAMPLE.fullmatch(line)
        if sample is not None and _is_text(line) and _is_valid(sample[2], sample[3]):
            self._family(self._owner(sample[1])).samples += line + b"\n"
            return
        name = re.match(_NAME, line)
        if name is None:
            self._nameless += 1
        else:
            self._family(self._owner(name[0])).valid = False

    def text(self) -> bytes:
        """Return what is kept, in UTF-8."""
        return b"".join(part for name in self._families if self._is_kept(name) for part in self._format(name))

    def _is_kept(self, name: bytes) -> bool:
        return self._families[name].valid and not name.startswith(PREFIX.encode())

    def _family(self, name: bytes) -> _Family:
        return self._families.setdefault(name, _Family())

    def _owner(self, sample: bytes) -> bytes:
        """Return the family of a sample: those of histograms and summaries have suffixes."""
        if sample not in self._families:
            for suffix in (b"_bucket", b"_sum", b"_count"):
                base = sample.removesuffix(suffix)
                found = self._families.get(base) if base != sample else None
                if found is not None and suffix in _PARTS.get(found.kind, ()):
                    return base
        return sample

    def _describe(self, what: bytes, name: bytes, rest: bytes) -> None:
        family = self._family(name)
        if what == b"HELP":
            family.help = family.help or rest
            return
        kind = b"untyped" if rest == b"unknown" else rest
        if kind not in _TYPES or (family.kind and family.kind != kind) or (family.samples and not family.kind):
            family.valid = False
        family.kind = family.kind or kind

    def _format(self, name: bytes) -> Iterator[bytes | bytearray]:
        family = self._families[name]
        if family.samples:
            if family.help:
                yield b"# HELP " + name + b" " + family.help + b"\n"
            if family.kind:
                yield b"# TYPE " + name + b" " + family.kind + b"\n"
            yield family.samples


def _is_valid(labels: bytes | None, value: bytes) -> bool:
    """Whether Prometheus accepts them or would reject the whole response.

    It accepts each label once, none that begins with two underscores, and numbers of 64 bits.
    """
    if labels is not None and (labels.count(b"=") > 1 or b"__" in labels):
        names = _LABEL_NAMES.findall(labels)
        if len(set(names)) != len(names) or any(name.startswith(b"__") for name in names):
            return False
    return abs(float(value)) != math.inf or value[-1:] not in b"0123456789."


def _is_text(line: bytes) -> bool:
    if line.isascii():
        return True
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
