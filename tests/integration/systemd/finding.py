"""One promise of the unit, and whether it holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Finding:
    """A promise and what was seen; ``holds`` is None for what no container can test."""

    shown: str
    expected: str
    seen: str
    holds: bool | None

    @property
    def word(self) -> str:
        """Return the word for the table."""
        return {True: "holds", False: "does not hold", None: "unproved"}[self.holds]


def same(shown: str, expected: str, seen: str) -> Finding:
    """Return a finding that holds if both texts are the same."""
    return Finding(shown, expected, seen, expected == seen)


def failures(findings: Iterable[Finding]) -> list[str]:
    """Return a line for each promise that does not hold."""
    broken = [finding for finding in findings if finding.holds is False]
    return [f"{one.shown}: expected {one.expected}, seen {one.seen}" for one in broken]


def rows(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Return the rows of the table of results."""
    return [
        {"shown": one.shown, "expected": one.expected, "seen": one.seen, "verdict": one.word}
        for one in findings
    ]
