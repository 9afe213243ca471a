"""Keep the counts in docs/background/counted.json, compare with them, render counted.md."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
"""A machine's figures, as the record has them."""

ADVICE = "after a change that is meant: python -m research.counted --record"


def per_phase(marks: Sequence[int], counted: Mapping[str, int]) -> dict[str, int]:
    """Instructions a frame, of each phase; ``counted`` is its frames.

    Every phase has a mark before and one after it; what lies between two phases is not theirs.

    Raises:
        ValueError: there are more or fewer marks than phases have.
    """
    if len(marks) != 2 * len(counted):
        raise ValueError(f"{len(marks)} marks: must be {2 * len(counted)}, two for each phase")
    return {
        name: round(total / frames)
        for (name, frames), total in zip(counted.items(), marks[1::2], strict=True)
    }


def summed_up(runs: Sequence[Mapping[str, int]]) -> dict[str, dict[str, float]]:
    """The median of each phase's runs, and how far they lie apart in terms of it."""
    found = {}
    for name in runs[0]:
        values = [run[name] for run in runs]
        middle = round(statistics.median(values))
        found[name] = {
            "instructions": middle,
            "spread": round((max(values) - min(values)) / middle, 6),
        }
    return found


def incomparable(row: Row, recorded: Row) -> list[str]:
    """What had a part in the record and is another now, one line each."""
    now, before = _conditions(row), _conditions(recorded)
    return [
        f"{row['machine']}: not comparable: {name} = {now.get(name, 'none')}, "
        f"in the record {before.get(name, 'none')}"
        for name in sorted(now.keys() | before.keys())
        if now.get(name) != before.get(name)
    ]


def _conditions(row: Row) -> dict[str, str]:
    return {"counter": row["counter"], "cpu": row["cpu"], **row["versions"]}


def beyond(row: Row, recorded: Row, tolerance: float) -> tuple[list[str], list[str]]:
    """One line for each figure that grew, or whose faces are others; one for each that fell."""
    grew, fell = [], []
    for name, before in recorded["phases"].items():
        now = row["phases"][name]
        if now["faces"] != before["faces"]:
            grew.append(
                f"{row['machine']}: {name}: {now['faces']:g} faces a frame, "
                f"in the record {before['faces']:g}: not the same work"
            )
        change = now["instructions"] / before["instructions"] - 1
        line = (
            f"{row['machine']}: {name}: {now['instructions']:,} instructions a frame, "
            f"{before['instructions']:,} in the record: {change:+.1%}, "
            f"tolerance {tolerance:.0%}"
        )
        if change > tolerance:
            grew.append(line)
        elif change < -tolerance:
            fell.append(line)
    return grew, fell


def table(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    heads = ("counted", "frames", "instructions a frame", "to naive", "spread of the runs")
    cells = [heads, ("---",) * len(heads)]
    for row in rows:
        naive = row["phases"]["naive"]["instructions"]
        cells += [
            (
                f"{row['machine']}, {name}",
                str(found["frames"]),
                f"{found['instructions']:,}",
                f"{found['instructions'] / naive:.4f}",
                f"{found['spread']:.4%}" if row["runs"] > 1 else "-",
            )
            for name, found in row["phases"].items()
        ]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def render(page: str, record: Mapping[str, Any]) -> str:
    """Return ``page`` with the record's table."""
    said = "\n".join(f"- {_told(row)}" for row in record["rows"])
    text = f"<!-- counted -->\n{table(record['rows'])}\n\n{said}\n<!-- /counted -->"
    return re.sub("<!-- counted -->.*?<!-- /counted -->", lambda _: text, page, flags=re.S)


def _told(row: Row) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
    runs = "one run" if row["runs"] == 1 else f"the median of {row['runs']} runs"
    return f"{row['machine']}: {row['counter']} showing `{row['cpu']}`, {runs}; {versions}."
