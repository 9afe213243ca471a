"""Write the table of models/README.md from the cards.

    python docs/generate_models.py

The table stands between `<!-- models -->` and `<!-- /models -->`; the rest of the page is
written by hand. A model that does not fit its card is refused.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from edge_fer.emotion.card import LABELS, TRUTHS, Card, read_card

FOLDER = Path(__file__).parents[1] / "models"
PAGE = FOLDER / "README.md"
HEADINGS = ("file", "bytes", "sha256", "made by", "labels of", *LABELS, "macro-F1")


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
    truth, figures = card.figures("public")
    classes = figures.get("per_class", {})
    f1 = [classes.get(label, {}).get("f1") for label in LABELS]
    return (
        f"`{card.name}.onnx`",
        "-" if card.bytes is None else f"{card.bytes:,}",
        f"`{card.sha256[:12]}`",
        f"`{card.command}`",
        TRUTHS.get(truth, "-"),
        *("-" if value is None else f"{value:.2f}" for value in f1),
        f"{figures['macro_f1']:.3f}" if figures else "-",
    )


def main() -> None:
    """Bring the page up to date."""
    PAGE.write_text(render(PAGE.read_text(), sorted(FOLDER.glob("*.onnx"))))


if __name__ == "__main__":
    main()
