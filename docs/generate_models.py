"""Writes the table of models/README.md from the cards.

    python docs/generate_models.py

The table stands between `<!-- models -->` and `<!-- /models -->`; the rest of the page is
written by hand. A model that does not fit its card is refused.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from edge_fer.emotion.card import Card, read_card
from edge_fer.emotion.labels import FER2013_LABELS

FOLDER = Path(__file__).parents[1] / "models"
PAGE = FOLDER / "README.md"
HEADINGS = ("file", "bytes", "sha256", "made by", *FER2013_LABELS, "macro-F1")


def render(page: str, models: Sequence[Path]) -> str:
    """Return ``page`` with the table of these models.

    Raises:
        ModelError: a model is damaged or does not fit its card.
    """
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(_row(read_card(path)) for path in models)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows) if models else "None yet."
    pattern = "<!-- models -->.*?<!-- /models -->"
    return re.sub(
        pattern, lambda _: f"<!-- models -->\n{table}\n<!-- /models -->", page, flags=re.S
    )


def _row(card: Card) -> tuple[str, ...]:
    figures = card.metrics.get("fer2013-public", {"per_class": {}, "macro_f1": None})
    classes = [figures["per_class"].get(label, {}).get("f1") for label in FER2013_LABELS]
    return (
        f"`{card.name}.onnx`",
        "-" if card.bytes is None else f"{card.bytes:,}",
        f"`{card.sha256[:12]}`",
        f"`{card.command}`",
        *("-" if value is None else f"{value:.2f}" for value in classes),
        "-" if figures["macro_f1"] is None else f"{figures['macro_f1']:.3f}",
    )


def main() -> None:
    """Bring the page up to date."""
    PAGE.write_text(render(PAGE.read_text(), sorted(FOLDER.glob("*.onnx"))))


if __name__ == "__main__":
    main()
