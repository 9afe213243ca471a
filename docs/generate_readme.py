"""Writes the figures of the README: costs, the models' table from their cards, a run of the demo.

    python -m docs.generate_readme CLIP

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`; the rest of the page is by hand.
"""

import argparse
from pathlib import Path

import msgspec

from edge_fer.config.load import load
from edge_fer.demo.demo import PrivateBroker, run_daemon
from edge_fer.demo.plot import draw_run
from edge_fer.emotion.card import TRUTHS, Card, read_card, shipped_models
from tools.pages import fill
from research.results.figures import GOALS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "README.md"
PICTURE = ROOT / "docs" / "images" / "demo.png"
RECORD = ROOT / "tools" / "results" / "figures.json"
COSTS = (
    "mean-cpu",
    "p95-cpu",
    "coverage",
    "agreement",
    "false-boxes",
    "new-face",
    "change",
    "memory-compact",
)
"""Of the figures there."""

OPTIONS = ["privacy.acknowledge_use=research", "vision.min_face_px=40"]
HEADINGS = (
    "model",
    "labels of",
    "parameters",
    "MMACs",
    "MB",
    "PublicTest: parent → pruned → file, %",
    "same top-1",
    "PrivateTest, %",
    "no duplicates, %",
    "macro-F1",
    "ECE",
)


def costs_table() -> str:
    """A Markdown table of what docs/background/results.md measured last."""
    record = msgspec.json.decode(RECORD.read_bytes())
    rows = [f"| {GOALS[key].title} | {GOALS[key].shown(record[key]['value'])} |" for key in COSTS]
    return "\n".join(["| figure | reached |", "| --- | --- |", *rows])


def models_table(cards: list[Card]) -> str:
    """A Markdown table, a row a model, and the commands behind its figures."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(_row(card) for card in cards)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return (
        f"{table}\n\nPrivateTest: `edge-fer evaluate --data fer2013.npz --split private --model "
        "NAME --json`, run once per file; the other figures: `make model NET=…`, which also "
        "writes the card they are read from."
    )


def _row(card: Card) -> tuple[str, ...]:
    truth, public = card.figures("public")
    private = card.figures("private")[1]
    parent, pruned = (card.figures(f"public, fp32 {name}")[1] for name in ("parent", "pruned"))
    known = [stage for stage in (parent, pruned, public) if stage]
    return (
        f"`{card.name}`",
        TRUTHS.get(truth, "-"),
        f"{card.parameters:,}",
        f"{(card.macs or 0) / 1e6:.1f}",
        f"{(card.bytes or 0) / 1e6:.2f}",
        " → ".join(_percent(stage["accuracy"]) for stage in known),
        _percent(pruned.get("same_top1_as_int8")),
        _percent(private.get("accuracy")),
        _percent(private.get("accuracy_no_duplicates")),
        f"{private['macro_f1']:.3f}" if private else "-",
        f"{private['ece']:.3f}" if private else "-",
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def demo_text(clip: Path) -> str:
    """Run daemon and broker on the clip, draw the picture, and tell the events."""
    options = [f"--set={option}" for option in OPTIONS]
    with PrivateBroker() as broker:
        code, events = run_daemon(broker.url, ["--camera", str(clip), *options], lambda _: None)
    assert code == 0, f"the daemon ended with {code}"
    frames = draw_run(load(None, [*OPTIONS, f"camera.source=file:{clip}"], {}), PICTURE)
    first = {key: events[0][key] for key in ("time", "phase", "emotion", "confidence", "box")}
    story = " → ".join(event["emotion"] if event["phase"] != "end" else "end" for event in events)
    return (
        f"{len(events)} events in {frames} frames: {story}. The first one, in part:\n\n"
        f"```json\n{msgspec.json.encode(first).decode()}\n```"
    )


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    clip = parser.parse_args().clip
    fill(PAGE, "demo", demo_text(clip))
    fill(PAGE, "costs", costs_table())
    fill(PAGE, "models", models_table([read_card(path) for path in shipped_models()]))


if __name__ == "__main__":
    main()
