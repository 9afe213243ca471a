"""One promise of the unit, and what became of it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Finding:
    """A row of the proof; ``holds`` is None for what cannot be tried in a container."""

    shown: str
    expected: str
    seen: str
    holds: bool | None

    @property
    def word(self) -> str:
        """For the table."""
        return {True: "holds", False: "does not hold", None: "unproved"}[self.holds]


def same(shown: str, expected: str, seen: str) -> Finding:
    """Holds where it is the same text."""
    return Finding(shown, expected, seen, expected == seen)
