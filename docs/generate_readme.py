"""Write the generated parts of README.md, docs/start/first-event.md and models/README.md.

    python -m docs.generate_readme CLIP

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`; the rest of a page is written by hand.
"""

import argparse
from pathlib import Path

import msgspec

from docs.pages import fill
from edge_fer.config.load import load
from edge_fer.demo.demo import PrivateBroker, run_daemon
from edge_fer.demo.plot import draw_run
from edge_fer.emotion.card import TRUTHS, Card, find_model, read_card, shipped_models

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
START = ROOT / "docs" / "start" / "first-event.md"
MODELS = ROOT / "models" / "README.md"
PICTURE = ROOT / "docs" / "images" / "demo.png"
RECORD = ROOT / "research" / "results" / "figures.json"
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


def figures_text(card: Card) -> str:
    """Return one line on the default model's accuracy and one on the cost, with their sources."""
    truth = card.figures("public")[0]
    private = card.figures("private")[1]
    record = msgspec.json.decode(RECORD.read_bytes())
    share = 100 * record["mean-cpu"]["value"]
    return (
        f"- **Accuracy**: {100 * private['accuracy']:.1f} % of the {TRUTHS[truth]} labels of "
        f"FER-2013's PrivateTest, in an INT8 file of {(card.bytes or 0) / 1e6:.2f} MB "
        "([models](docs/background/models.md)).\n"
        f"- **Speed**: {share:.0f} % of the CPU time of dlib's detector on every frame, for a "
        "talking face ([results](docs/background/results.md))."
    )


def models_table(cards: list[Card]) -> str:
    """Return a Markdown table, a row per model, and the commands that give its figures."""
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
    """Run daemon and broker on the clip, draw the picture, and return the events as text."""
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
    """Rewrite the generated parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    clip = parser.parse_args().clip
    cards = [read_card(path) for path in shipped_models()]
    fill(START, "demo", demo_text(clip))
    fill(README, "figures", figures_text(read_card(find_model(""))))
    fill(MODELS, "accuracy", models_table(cards))


if __name__ == "__main__":
    main()
