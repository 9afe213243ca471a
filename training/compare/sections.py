"""Write the tables of docs/background/models.md about our own models as Markdown."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_fer.bench.models import Ratio
from edge_fer.emotion.card import LABELS, TRUTHS, Card
from training.compare.answers import Answers
from training.compare.page import NONE, count, figure, megabytes, percent, table
from training.compare.rows import Row
from training.compare.shares import Shares
from training.evaluation.robustness import CORRUPTIONS

NO_STUDY = "Not run yet: `python -m training.study ultralight`."
NO_SEARCH = "Not run yet: `python -m training.search ultralight`."
NO_SHARES = "Not run yet: `python -m training.compare.shares`."


def size_table(rows: Sequence[Row]) -> str:
    """Return the table of the INT8 files at each chip size."""
    headings = (
        "model",
        "px",
        "PublicTest, %",
        "no duplicates, %",
        "macro-F1",
        "MMACs",
        "latency ratio",
    )
    cells = [
        (
            row.truth,
            (
                f"`{row.model}`",
                f"{row.size}{' (default)' if row.stage == 'int8' else ''}",
                percent(row.public.get("accuracy")),
                percent(row.public.get("accuracy_no_duplicates")),
                figure(row.public.get("macro_f1")),
                "-" if row.macs is None else f"{row.macs / 1e6:,.1f}",
                "-" if row.latency is None else str(row.latency),
            ),
        )
        for row in sorted(rows, key=lambda row: (row.model, row.size))
        if row.stage in {"int8", "scaled"}
    ]
    return _by_truth(headings, cells)


def robustness_table(cards: Sequence[Card]) -> str:
    """Return the table of points of accuracy lost under each corruption."""
    rows = [
        (
            truth,
            (
                f"`{card.name}`",
                percent(found["clean"]),
                figure(found["mean_loss"], 1),
                *(figure(found["disturbed"].get(name, {}).get("loss"), 1) for name in CORRUPTIONS),
            ),
        )
        for card, truth, found in _parts(cards, "robustness")
    ]
    return _by_truth(("model", "clean, %", "mean loss", *CORRUPTIONS), rows)


def aligned_table(cards: Sequence[Card]) -> str:
    """Return the table of accuracy on original and on aligned pictures."""
    rows = [
        (
            truth,
            (
                f"`{card.name}`",
                how.replace("_", " "),
                count(found["n"]),
                percent(found["first"]),
                percent(found["second"]),
                _interval(found["difference"], found["low"], found["high"]),
            ),
        )
        for card, truth, groups in _parts(cards, "aligned")
        for how, found in groups.items()
    ]
    headings = (
        "model",
        "chips cut by",
        "n",
        "as they are, %",
        "aligned, %",
        "difference, points (95 %)",
    )
    return _by_truth(headings, rows)


def _parts(cards: Sequence[Card], part: str) -> Iterator[tuple[Card, str, dict[str, Any]]]:
    """Yield the cards whose PublicTest figures have that part, with the key of their labels."""
    for card in cards:
        truth, figures = card.figures("public")
        if part in figures:
            yield card, truth, figures[part]


def _by_truth(headings: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a table per label set with rows, so that no column mixes two benchmarks."""
    found = [(name, [row for key, row in rows if key == truth]) for truth, name in TRUTHS.items()]
    tables = [f"{name} labels:\n\n{table(headings, own)}" for name, own in found if own]
    return "\n\n".join(tables) or NONE


def said_table(answers: Sequence[Answers]) -> str:
    """Return the table of predictions per label and of true labels, in % of the pictures."""
    rows = [
        (answer.truth, (f"`{answer.model}` says", *_label_shares(answer, "said")))
        for answer in answers
    ]
    true = {answer.truth: ("true", *_label_shares(answer, "n")) for answer in answers}
    return _by_truth(("", *LABELS), [*rows, *true.items()])


def _label_shares(answer: Answers, key: str) -> list[str]:
    classes, whole = answer.figures["per_class"], answer.figures["n"]
    return [f"{100 * classes.get(label, {}).get(key, 0) / whole:.1f}" for label in LABELS]


def crowd_table(answers: Sequence[Answers]) -> str:
    """Return the table of all models by FER+ majority, with the precision per label."""
    rows = [
        (
            f"`{answer.model}`",
            count(answer.figures["n"]),
            percent(answer.figures["accuracy"]),
            figure(answer.figures["macro_f1"]),
            figure(answer.figures["ece"]),
            *(_right(answer.figures["per_class"].get(label, {})) for label in LABELS),
        )
        for answer in answers
        if answer.truth == "ferplus"
    ]
    return table(("model", "n", "accuracy, %", "macro-F1", "ECE", *LABELS), rows)


def _right(found: dict[str, Any]) -> str:
    """Return for example "62 of 318"."""
    said = found.get("said", 0)
    return f"{round(said * found['precision'])} of {said}" if said else "-"


def study_table(records: Sequence[Path]) -> str:
    """Return the table of parent, pruned and from-scratch networks, from `training.study`."""
    rows = []
    for path in records:
        found = json.loads(path.read_text())
        macs = found["macs"]
        arms = [sum(found["accuracy"][arm]) / len(found["seeds"]) for arm in macs]
        rows.append(
            (
                path.stem.removeprefix("study-"),
                f"{len(found['seeds'])}",
                ", ".join(f"{name} {epochs}" for name, epochs in found["epochs"].items()),
                f"{macs['parent'] / 1e6:.1f} → {macs['pruned'] / 1e6:.1f}",
                *map(percent, arms),
                *(
                    _interval(*(found[f"pruned - {arm}"][key] for key in ("points", "low", "high")))
                    for arm in ("parent", "scratch")
                ),
            )
        )
    headings = (
        "network",
        "seeds",
        "epochs",
        "MMACs",
        "parent, %",
        "pruned, %",
        "from scratch, %",
        "pruned less parent, points (95 %)",
        "pruned less from scratch, points (95 %)",
    )
    if not rows:
        return NO_STUDY
    return "\n\n".join([table(headings, rows), *filter(None, map(_ablation, records))])


def _ablation(path: Path) -> str:
    """Return a sentence on the loss without a part of the network."""
    found = json.loads(path.read_text()).get("without")
    if not found:
        return ""
    options = ", ".join(
        f"{name} = {str(value).lower()}" for name, value in found["options"].items()
    )
    gap = _interval(*(found["parent - without"][key] for key in ("points", "low", "high")))
    return (
        f"{path.stem.removeprefix('study-')} with {options}, trained as the parent was with "
        f"{len(found['seeds'])} of the seeds: {found['macs'] / 1e6:.1f} MMACs, the "
        f"parent less it is {gap} points."
    )


def search_table(records: Sequence[Path]) -> str:
    """Return the tables of shapes that `training.search` tried, fastest first."""
    return "\n\n".join(map(_searched, records)) or NO_SEARCH


def _searched(path: Path) -> str:
    found = json.loads(path.read_text())
    rows = [
        (
            f"**{row['name']}**" if row["best"] else row["name"],
            ", ".join(f"{key} {value}" for key, value in row["options"].items()),
            count(row["parameters"]),
            f"{row['macs'] / 1e6:,.1f}",
            megabytes(row["bytes"]),
            str(Ratio(**row["latency"])),
            percent(row["accuracy"]),
        )
        for row in sorted(found["variants"], key=lambda row: float(row["latency"]["value"]))
    ]
    headings = (
        "shape",
        "options",
        "parameters",
        "MMACs",
        "INT8, MB",
        "latency ratio, INT8",
        "PublicTest, fp32, %",
    )
    return (
        f"{path.stem.removeprefix('search-')}, each from scratch for {found['epochs']} epochs at "
        f"{found['size']} px, one seed; bold is what no other beats in both. "
        f"{found['machine']}.\n\n{table(headings, rows)}"
    )


def shares_table(shares: Sequence[Shares]) -> str:
    """Return the table of predictions on stills and clips, in % of the faces."""
    rows = [
        (
            found.file,
            f"`{found.model}`",
            f"{found.faced} of {found.frames}",
            _most(found.raw),
            _most(found.published),
        )
        for found in shares
    ]
    headings = ("file", "model", "frames with a face", "frame by frame, %", "after smoothing, %")
    return table(headings, rows) if rows else NO_SHARES


def _most(shares: dict[str, float]) -> str:
    """Return the labels with at least a percent, such as "neutral 72, happy 19"."""
    shown = [f"{name} {100 * share:.0f}" for name, share in shares.items() if share >= 0.01]
    return ", ".join(shown) or "-"


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
