"""The tables that `edge-fer evaluate` prints."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_figures(figures: dict[str, Any]) -> None:
    """All that was measured, for people."""
    console = Console()
    console.print(f"[bold]{figures['model']}[/]: {figures['n']} pictures, {figures['seconds']} s")
    if "faceless" in figures:
        console.print(f"left out, since no face was found in them: {figures['faceless']}")
    if "rule" in figures:
        console.print(f"{figures['rule']}: {figures['left_out']}")
    for key in ("accuracy", "accuracy_no_duplicates", "macro_f1", "ece"):
        value = figures[key]
        console.print(f"{key:>24}  {'unknown' if value is None else f'{value:.4f}'}")
    console.print(_by_label(figures))
    if "robustness" in figures:
        console.print(_robustness(figures["robustness"]))
    if "aligned" in figures:
        console.print(_aligned(figures["aligned"]))


def _by_label(figures: dict[str, Any]) -> Table:
    table = _table("label", "n", "said", "n %", "said %", "precision", "recall", "F1")
    for label, row in figures["per_class"].items():
        counts = (row["n"], row["said"])
        table.add_row(
            label,
            *map(str, counts),
            *(f"{100 * count / figures['n']:.1f}" for count in counts),
            *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")),
        )
    return table


def _robustness(figures: dict[str, Any]) -> Table:
    table = _table("disturbed by", "accuracy", "loss in points")
    for name, row in figures["disturbed"].items():
        table.add_row(name, f"{row['accuracy']:.4f}", f"{row['loss']:.2f}")
    table.add_section()
    table.add_row("nothing", f"{figures['clean']:.4f}", "")
    table.add_row("mean", "", f"{figures['mean_loss']:.2f}")
    table.add_row(f"worst: {figures['worst']}", "", f"{figures['worst_loss']:.2f}")
    return table


def _aligned(figures: dict[str, dict[str, Any]]) -> Table:
    table = _table("aligned by", "n", "as it is", "aligned", "points gained", "95 % interval")
    for name, row in figures.items():
        table.add_row(
            name,
            str(row["n"]),
            f"{row['first']:.4f}",
            f"{row['second']:.4f}",
            f"{row['difference']:+.2f}",
            f"{row['low']:+.2f} to {row['high']:+.2f}",
        )
    return table


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
