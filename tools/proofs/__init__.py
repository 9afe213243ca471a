"""Write a result to docs/background/stress-tests.md, whose prose says what was tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from docs.pages import write_test_result


@dataclasses.dataclass(frozen=True)
class Proof:
    """A result; only ``reached``, ``command`` and ``rows`` go to the page."""

    title: str
    floor: str
    aim: str
    reached: str
    verdict: str
    command: str
    note: str
    rows: tuple[Mapping[str, str | int | float], ...] = ()


Verdict = str


def save(name: str, proof: Proof) -> None:
    """Renew the place of that name."""
    write_test_result(name, proof.reached, proof.command, proof.rows)
