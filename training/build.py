"""From data to card: ``python -m training.build ultralight``.

Trains the teacher, the parent and its pruned child as far as they are not there yet, exports,
quantizes, fits the temperature on PublicTest and writes model and card. ``--final`` measures
PrivateTest as well: once per finished model, since a figure that was looked at chooses.
"""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import FORMAT, Card, Framing, read_card, sha256_of
from edge_fer.emotion.classify import Classifier, softmax
from edge_fer.emotion.labels import FER2013_LABELS
from edge_fer.errors import ModelError
from edge_fer.measure.cards import golden_vectors, write_card
from edge_fer.measure.dataset import Dataset, load
from edge_fer.measure.evaluate import evaluate, predict, spread
from edge_fer.measure.metrics import confusion
from training.command import make_parser, run
from training.data import SPEC, data_path
from training.export import costs, export
from training.plots import plot_confusion
from training.prune import prune
from training.quantize import quantize
from training.recipe import RUNS, Recipe
from training.records import write_record
from training.train import train

MODELS, CALIBRATION = Path("models"), Path("calibration")

DATA = {
    "name": "FER-2013 training split, FER+ votes as an auxiliary target",
    "licence": "FER-2013: research use, rights of the single pictures unsettled "
    "(Goodfellow et al. 2013); FER+ votes: MIT (Barsoum et al. 2016)",
}
LIMITS = [
    "reads the expression on a face, which is no reliable sign of what a person feels",
    "frontal, upright faces; how accuracy falls with roll, yaw and size is not measured yet",
    "trained on the data set's own crops, not on chips that our aligner cut",
    "trained on web pictures of 2013: age, skin tone, glasses and beards are unevenly covered",
    "fear, sadness and anger are often taken for one another; see the figures by class",
    "not for workplaces, schools, hiring, policing or any decision about a person",
]


def build(recipe: Recipe, *, final: bool) -> Path:
    """Make models/<name>-<percent>-int8.onnx and its card; return the model's path."""
    net = prune(recipe)
    for folder in (MODELS, CALIBRATION):
        folder.mkdir(exist_ok=True)
    stem = recipe.name if recipe.prune is None else f"{recipe.name}-p{recipe.prune.macs * 100:.0f}"
    runs = RUNS / recipe.name
    parent = export(train(recipe), runs / f"{recipe.name}-fp32.onnx")
    fp32 = export(net, runs / f"{stem}-fp32.onnx")
    int8 = MODELS / f"{stem}-int8.onnx"
    record = CALIBRATION / f"{stem}-int8.json"
    quantize(fp32, int8, load(data_path(), "train"), recipe.quantize, record)
    parameters, macs = costs(fp32)
    known = known_figures(int8)
    card = Card(
        format=FORMAT, name=int8.stem, network=recipe.net, precision="int8",
        sha256=sha256_of(int8), labels=list(FER2013_LABELS), input=SPEC, framing=Framing(),
        parameters=parameters, macs=macs, bytes=int8.stat().st_size, data=DATA, limits=LIMITS,
        command=f"make model NET={recipe.name}",
    )  # fmt: skip
    write_card(int8, card)
    temperature = fit_temperature(int8, load(data_path(), "public"))
    card = msgspec.structs.replace(card, temperature=temperature)
    write_card(int8, card)
    card = msgspec.structs.replace(
        card,
        golden=golden_vectors(int8),
        metrics={**measure(int8, [parent, fp32], card, final=final), **({} if final else known)},
    )
    write_card(int8, card)
    stages = {"parent": parent, "pruned": fp32}
    write_record(recipe, int8, stages if recipe.prune else {"parent": parent})
    plot(int8, runs / "confusion-public.png")
    print(json.dumps(card.metrics, indent=1))
    return int8


def known_figures(model: Path) -> dict[str, Any]:
    """PrivateTest figures of a card that is there already, if it is of the very same file."""
    try:
        metrics = read_card(model).metrics
    except ModelError:
        return {}
    return {key: value for key, value in metrics.items() if key == "fer2013-private"}


def fit_temperature(model: Path, dataset: Dataset) -> float:
    """The divisor of the logits with the lowest cross-entropy on ``dataset``."""
    logits = Classifier(model).logits(dataset.images)
    grid = np.round(np.arange(0.5, 3.0, 0.01), 2)
    return float(min(grid, key=lambda value: _cross_entropy(logits / value, dataset.labels)))


def _cross_entropy(logits: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    picked = softmax(logits.astype(np.float32))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(picked, 1e-12)).mean())


def measure(model: Path, stages: list[Path], card: Card, *, final: bool) -> dict[str, Any]:
    """Figures of the INT8 file, and of the fp32 ``stages`` before it on PublicTest alone."""
    metrics: dict[str, Any] = {"fer2013-public": evaluate(model, data_path(), "public")}
    labels = load(data_path(), "public")
    ours = predict(Classifier(model), labels).argmax(1)
    for name, stage in zip(("fp32 parent", "fp32 pruned"), stages, strict=True):
        other = msgspec.structs.replace(
            card, name=stage.stem, precision="fp32", sha256=sha256_of(stage),
            bytes=stage.stat().st_size, golden=[], metrics={},
        )  # fmt: skip
        write_card(stage, other)
        said = predict(Classifier(stage), labels).argmax(1)
        metrics[f"fer2013-public, {name}"] = {
            "accuracy": round(float((said == labels.labels).mean()), 5),
            "same_top1_as_int8": round(float((said == ours).mean()), 5),
            "bytes": stage.stat().st_size,
        }
    if final:
        metrics["fer2013-private"] = evaluate(model, data_path(), "private")
        metrics["fer2013-private"]["measured"] = date.today().isoformat()
    return metrics


def plot(model: Path, path: Path) -> None:
    """Confusion matrix on PublicTest."""
    classifier, dataset = Classifier(model), load(data_path(), "public")
    said = spread(predict(classifier, dataset), classifier.card.labels).argmax(1)
    table = confusion(dataset.labels, said, len(FER2013_LABELS))
    plot_confusion(table, FER2013_LABELS, path)


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = make_parser(__doc__)
    parser.add_argument("--final", action="store_true", help="measure PrivateTest, once")
    return run(parser, lambda recipe, arguments: build(recipe, final=arguments.final))


if __name__ == "__main__":
    sys.exit(main())
