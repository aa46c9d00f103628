"""What was measured, as values: a row a budget, in it the samples of each side and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Verdict:
    """A budget, and whether it is kept. ``share``: what is compared with it, a sample for each pair."""

    share: tuple[float, ...]
    words: str
    """what ``share`` is, with ``{}`` for its figure: ``{} ms over bare``"""
    bound: float
    least: bool = False
    """whether ``bound`` is the least allowed; otherwise it is the most"""
    worst: bool = False
    """whether the worst sample must keep it; otherwise the median"""

    @property
    def figure(self) -> float:
        """What is judged."""
        if not self.worst:
            return median(self.share)
        return min(self.share) if self.least else max(self.share)

    @property
    def met(self) -> bool:
        """Whether the budget is kept."""
        return self.figure >= self.bound if self.least else self.figure <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """``samples``: by side, in the order in which they were taken; ``notes``: what else was seen, in words."""

    name: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()


def differences(samples: Mapping[str, Sequence[float]], ours: str, theirs: str) -> tuple[float, ...]:
    """Of samples that were taken one after the other."""
    return tuple(a - b for a, b in zip(samples[ours], samples[theirs], strict=True))


def ratios(samples: Mapping[str, Sequence[float]], ours: str, theirs: str) -> tuple[float, ...]:
    """Of samples that were taken one after the other."""
    return tuple(a / b for a, b in zip(samples[ours], samples[theirs], strict=True))


def in_turn(sides: Sequence[str], number: int) -> list[str]:
    """The sides of a round: whoever is first once is last another time."""
    first = number % len(sides)
    return [*sides[first:], *sides[:first]]
