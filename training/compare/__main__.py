"""Time all networks and write docs/background/models.md and its plots.

Command: ``python -m training.compare``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from edge_fer.emotion.card import Card, find_model, read_card, shipped_models
from edge_fer.errors import DataError, EdgeFerError
from edge_fer.evaluation.dataset import load
from training.compare import page, sections
from training.compare.answers import answers
from training.compare.draw import draw_search, draw_shipped, draw_sizes, draw_tradeoffs
from training.compare.latency import instructions
from training.compare.peers import Peers, read_peers
from training.compare.rows import Row, our_rows, rebuilt_rows, timed
from training.compare.shares import read_shares
from training.data import data_path
from training.recipe import RUNS
from training.records import FOLDER

PAGE, IMAGES = Path("docs/background/models.md"), Path("docs/images")
SCRATCH = RUNS / "peers"


def compare() -> None:
    """Measure, draw and write the page.

    Raises:
        EdgeFerError: there is no model, or one does not fit its card; one line.
    """
    peers, models = read_peers(), [m for m in shipped_models() if read_card(m).precision == "int8"]
    rebuilt = rebuilt_rows(peers.rebuilt, SCRATCH)
    rows = timed([*our_rows(models, SCRATCH), *rebuilt], rebuilt[0])
    draw_tradeoffs(rows, peers.measured, IMAGES)
    draw_sizes(rows, IMAGES)
    draw_search(sorted(FOLDER.glob("search-*.json")), IMAGES)
    parts = tables(rows, [read_card(model) for model in models], peers)
    PAGE.write_text(fill(PAGE.read_text(), {**parts, **on_public(models)}))


def on_public(models: Sequence[Path]) -> dict[str, str]:
    """Draw the plots that need PublicTest; the parts of the page that need it."""
    try:
        public = load(data_path(), "public")
    except DataError as error:
        return {"data": f"Not drawn again, since the data was missing: {error}."}
    draw_shipped(models, public, IMAGES)
    given = answers(models, public)
    return {
        "data": f"Drawn from {len(public):,} pictures.",
        "said": sections.said_table(given),
        "crowd": sections.crowd_table(given),
    }


def tables(rows: Sequence[Row], cards: Sequence[Card], peers: Peers) -> dict[str, str]:
    """Return the generated parts of the page that need no data, by name."""
    # What others claim is about FER-2013's own labels, and ours must be by the same.
    rival = next(row for row in rows if (row.stage, row.truth) == ("int8", "fer2013"))
    return {
        "machine": f"Processor of this run: {instructions()}.",
        "default": f"The default is `{find_model('').stem}`.",
        "costs": page.cost_table(rows),
        "costs-ferplus": page.cost_table(rows, "ferplus"),
        "sizes": sections.size_table(rows),
        "classes": page.class_table("fer2013", cards, peers.measured),
        "classes-ferplus": page.class_table("ferplus", cards),
        "robustness": sections.robustness_table(cards),
        "aligned": sections.aligned_table(cards),
        "study": sections.study_table(sorted(FOLDER.glob("study-*.json"))),
        "search": sections.search_table(sorted(FOLDER.glob("search-*.json"))),
        "shares": sections.shares_table(read_shares()),
        "measured": page.measured_table(peers.measured),
        "published": page.published_table(peers.published),
        "capabilities": page.capability_table(peers.capability, rival),
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
