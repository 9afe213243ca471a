"""Write the tables of docs/background/models.md as Markdown."""

from collections.abc import Iterable, Sequence

from edge_fer.emotion.card import FER2013_LABELS, LABELS, Card
from training.compare.peers import Capability, Measured, Published
from training.compare.rows import Row

UNTRAINED = "size and latency only"
NONE = "None yet."
UNVERIFIED = "unverified"

COSTS = (
    "network",
    "input, px",
    "parameters",
    "MMACs",
    "MB",
    "latency ratio",
    "PublicTest, %",
    "PrivateTest, %",
    "no duplicates, %",
    "macro-F1",
    "ECE",
    "training budget",
)


def cost_table(rows: Sequence[Row], truth: str = "fer2013") -> str:
    """Return the table of all timed networks, with figures by one ``truth``."""
    shown = [row for row in rows if row.truth == truth and row.stage != "scaled"]
    return table(COSTS, (_cost_cells(row) for row in shown)) if shown else NONE


def _cost_cells(row: Row) -> Iterable[str]:
    private, budget = row.private, "-" if row.model else UNTRAINED
    if row.budget is not None:
        budget = f"{row.budget.epochs} epochs, {row.budget.hours:.1f} h"
    return (
        row.name,
        f"{row.size} x {row.size} x {row.channels}",
        count(row.parameters),
        "-" if row.macs is None else f"{row.macs / 1e6:,.1f}",
        megabytes(row.bytes),
        "-" if row.latency is None else str(row.latency),
        percent(row.public.get("accuracy")),
        percent(private.get("accuracy")),
        percent(private.get("accuracy_no_duplicates")),
        figure(private.get("macro_f1")),
        figure(private.get("ece")),
        budget,
    )


def class_table(truth: str, cards: Sequence[Card], peers: Sequence[Measured] = ()) -> str:
    """Return the table of recall by label, by one ``truth``, on every split of the cards.

    The ``peers`` are FER-2013's, on PrivateTest.
    """
    labels = LABELS if truth == "ferplus" else FER2013_LABELS
    rows = [
        (
            card.name,
            f"{truth}-{split}",
            *(percent(classes.get(label, {}).get("recall")) for label in labels),
        )
        for card in cards
        for split in ("public", "private")
        if (classes := card.metrics.get(f"{truth}-{split}", {}).get("per_class"))
    ]
    rows += [
        (peer.name, "fer2013-private", *("-" if value < 0 else f"{value}" for value in peer.recall))
        for peer in peers
    ]
    return table(("network", "pictures", *labels), rows) if rows else NONE


def measured_table(peers: Sequence[Measured]) -> str:
    """Return the table of public weights that were measured."""
    headings = (
        "network",
        "checkpoint",
        "runtime, input",
        "parameters",
        "MMACs",
        "MB",
        "latency ratio, other processor",
        "PrivateTest, %",
        "no duplicates, %",
        "macro-F1",
        "PublicTest, %",
        "source",
    )
    rows = [
        (
            peer.name,
            peer.checkpoint,
            f"{peer.runtime}, {peer.input}",
            count(peer.parameters),
            f"{peer.macs / 1e6:,.1f}",
            megabytes(peer.bytes),
            figure(peer.ratio, 2),
            figure(peer.private, 2),
            figure(peer.no_duplicates, 2),
            figure(peer.macro_f1),
            figure(peer.public, 2),
            peer.source,
        )
        for peer in peers
    ]
    return table(headings, rows)


def published_table(peers: Sequence[Published]) -> str:
    """Return the tables of figures published by authors, one per benchmark."""
    return "\n\n".join(
        f"{benchmark}:\n\n{_published([peer for peer in peers if peer.benchmark == benchmark])}"
        for benchmark in dict.fromkeys(peer.benchmark for peer in peers)
    )


def _published(peers: Sequence[Published]) -> str:
    headings = ("network", "accuracy, %", "parameters", "MB", "how", "source")
    rows = [
        (
            peer.name,
            figure(peer.accuracy, 2),
            count(peer.parameters),
            megabytes(peer.bytes),
            peer.protocol,
            peer.source if peer.verified else f"{peer.source} ({UNVERIFIED})",
        )
        for peer in peers
    ]
    return table(headings, rows)


def capability_table(claims: Sequence[Capability], ours: Row) -> str:
    """Return the table of claims about FER-2013, next to ``ours`` by the same labels."""
    accuracy = percent(ours.private.get("accuracy"))
    facts = {
        "model": ours.name,
        "accuracy": "not measured yet" if accuracy == "-" else f"{accuracy} %",
        "megabytes": megabytes(ours.bytes),
        "ratio": "-" if ours.latency is None else f"{ours.latency.value:.2f}",
    }
    rows = [
        (claim.who, claim.claim, claim.known, claim.ours.format_map(facts), claim.source)
        for claim in claims
    ]
    return table(("who", "claims", "what is known of it", "ours", "source"), rows)


def table(headings: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(share: float | None) -> str:
    """Return a share of 1 in percent, without the sign."""
    return "-" if share is None else f"{100 * share:.2f}"


def figure(value: float | None, places: int = 3) -> str:
    """Return a figure with ``places`` decimals, or a dash."""
    return "-" if value is None else f"{value:.{places}f}"


def count(value: int | None) -> str:
    """Return a number with commas."""
    return "-" if value is None else f"{value:,}"


def megabytes(value: int | None) -> str:
    """Return the size in units of 10^6 bytes."""
    return "-" if value is None else f"{value / 1e6:.{3 if value < 1e8 else 1}f}"
