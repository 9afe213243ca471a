"""``python -m training.compare``: time everything and rewrite docs/models.md with its plots."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from edge_fer.emotion.card import Card, read_card, shipped_models
from edge_fer.errors import DataError, EdgeFerError
from edge_fer.measure.dataset import load
from training.compare import page
from training.compare.draw import draw_shipped, draw_tradeoffs
from training.compare.latency import instructions
from training.compare.peers import Peers, read_peers
from training.compare.rows import Row, our_rows, rebuilt_rows, timed
from training.data import data_path
from training.recipe import RUNS

PAGE, IMAGES = Path("docs/models.md"), Path("docs/images")
SCRATCH = RUNS / "peers"


def compare() -> None:
    """Measure, draw and write the page.

    Raises:
        EdgeFerError: there is no model, or one does not fit its card; one line.
    """
    peers, models = read_peers(), shipped_models()
    rebuilt = rebuilt_rows(peers.rebuilt, SCRATCH)
    rows = timed([*our_rows(models, SCRATCH), *rebuilt], rebuilt[0])
    draw_tradeoffs(rows, peers.measured, IMAGES)
    parts = tables(rows, [read_card(model) for model in models], peers)
    text = fill(PAGE.read_text(), {**parts, "data": shipped_note(models)})
    PAGE.write_text(text)


def shipped_note(models: Sequence[Path]) -> str:
    """Draw the plots that need PublicTest; what to say of them on the page."""
    try:
        public = load(data_path(), "public")
    except DataError as error:
        return f"Not drawn anew, since the data was missing: {error}."
    draw_shipped(models, public, IMAGES)
    return f"Drawn from {len(public):,} pictures."


def tables(rows: Sequence[Row], cards: Sequence[Card], peers: Peers) -> dict[str, str]:
    """The generated parts of the page by the name of their place; the first card is the default."""
    default = next(row for row in rows if row.name == cards[0].name)
    return {
        "machine": f"Processor of this run: {instructions()}.",
        "costs": page.cost_table(rows),
        "classes": page.class_table(cards, peers.measured),
        "others": page.other_table(cards),
        "measured": page.measured_table(peers.measured),
        "published": page.published_table(peers.published),
        "capabilities": page.capability_table(peers.capability, default),
    }


def fill(text: str, parts: dict[str, str]) -> str:
    """Put each part between `<!-- NAME -->` and `<!-- /NAME -->`.

    Raises:
        ValueError: the page has no such place.
    """
    for name, part in parts.items():
        head, opening, rest = text.partition(f"<!-- {name} -->\n")
        _, closing, tail = rest.partition(f"<!-- /{name} -->")
        if not closing:
            raise ValueError(f"{PAGE}: must have a place <!-- {name} --> … <!-- /{name} -->")
        text = f"{head}{opening}{part}\n{closing}{tail}"
    return text


def main() -> int:
    """Run from the command line and return the exit code."""
    torch.set_num_threads(1)
    try:
        compare()
    except EdgeFerError as error:
        print(f"training: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
