"""Build a model and its card from the data: ``python -m training.build ultralight``.

Prune the committed parent, or train it first if that is not done yet, export, quantize, fit the
temperature on PublicTest, and write models and cards. ``--final`` also measures PrivateTest: once
per finished model, so that its figure does not influence any choice.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from edge_fer.emotion.card import FER2013_LABELS, FORMAT, Card, sha256_of, write_card
from edge_fer.emotion.classify import Classifier, golden_vectors
from edge_fer.evaluation.dataset import FERPLUS_EMOTIONS, load
from training.budget import Kind
from training.command import make_parser, run
from training.data import SPEC, data_path
from training.export import costs, export
from training.figures import fit_temperature, known_figures, measure, plot, truth_of
from training.parents import find_parent
from training.prune import prune
from training.quantize import quantize
from training.recipe import RUNS, Recipe, root
from training.records import write_record

MODELS, CALIBRATION = Path("models"), Path("calibration")

DATA = {
    "name": "FER-2013 training split, FER+ votes as an auxiliary target",
    "licence": "FER-2013: research use, rights of the single pictures unsettled "
    "(Goodfellow et al. 2013); FER+ votes: MIT (Barsoum et al. 2016)",
}
LIMITS = [
    "reads the expression on a face, which is no reliable sign of what a person feels",
    "frontal faces; what roll, small, blurred and dark pictures cost stands under robustness",
    "trained on 48 px pictures: a larger chip size is computed finer, not seen sharper",
    "trained on web pictures of 2013: age, skin tone, glasses and beards are unevenly covered",
    "fear, sadness and anger are often taken for one another; see the figures by class",
    "not for workplaces, schools, hiring, policing or any decision about a person",
]
LABELS = {"fer2013": FER2013_LABELS, "ferplus": FERPLUS_EMOTIONS}


def build(recipe: Recipe, *, final: bool) -> Path:
    """Make models/<name>-<percent>-int8.onnx and its card; return the model's path."""
    stem, runs, other = stem_of(recipe), RUNS / recipe.name, recipe.labels == "ferplus"
    net, parent = prune(recipe), find_parent(root(recipe))
    for folder in (MODELS, CALIBRATION):
        folder.mkdir(exist_ok=True)
    fp32 = export(net, runs / f"{stem}-fp32.onnx", recipe.sizes, auxiliary=other)
    stages: dict[Kind, Path] = {"pruned": fp32}
    if stem != recipe.name:
        file = runs / f"{recipe.name}-fp32.onnx"
        stages = {"parent": export(parent, file, recipe.sizes, auxiliary=other), **stages}
    int8 = MODELS / f"{stem}-int8.onnx"
    record = CALIBRATION / f"{stem}-int8.json"
    chips = load(data_path(), "train")
    quantize(fp32, int8, chips, recipe.quantize, record, recipe.sizes)
    for stage in stages.values():
        finish(recipe, stage, "fp32", costs(stage, recipe.sizes[0]))
    cost = costs(fp32, recipe.sizes[0])
    card = finish(recipe, int8, "int8", cost, stages=stages, final=final)
    if recipe.fp32:
        ship(recipe, fp32, cost, final=final)
    write_record(recipe, int8, stages)
    plot(int8, truth_of(recipe), runs / "confusion-public.png")
    print(json.dumps(card.metrics, indent=1))
    return int8


def stem_of(recipe: Recipe) -> str:
    """Start of the model file's name: the recipe's, and the percentage of MACs pruned away."""
    return recipe.name if recipe.prune is None else f"{recipe.name}-p{recipe.prune.macs * 100:.0f}"


def finish(
    recipe: Recipe,
    model: Path,
    precision: str,
    cost: tuple[int, int],
    *,
    stages: Mapping[Kind, Path] | None = None,
    final: bool = False,
) -> Card:
    """Write the card of ``model``: temperature and golden vectors; figures with ``stages``.

    ``cost`` is parameters and multiply-accumulates.
    """
    known = {} if final else known_figures(model)
    card = Card(
        format=FORMAT,
        name=model.stem,
        network=recipe.net,
        precision=precision,
        sha256=sha256_of(model),
        labels=list(LABELS[recipe.labels]),
        input=msgspec.structs.replace(SPEC, sizes=list(recipe.sizes)),
        parameters=cost[0],
        macs=cost[1],
        bytes=model.stat().st_size,
        data=DATA,
        limits=LIMITS,
        command=f"make model NET={recipe.name}",
    )
    write_card(model, card)
    card = msgspec.structs.replace(card, temperature=fit_temperature(model, truth_of(recipe)))
    write_card(model, card)
    card = msgspec.structs.replace(card, golden=golden_vectors(Classifier(model)))
    write_card(model, card)
    if stages is not None:
        metrics = measure(recipe, model, stages, final=final)
        card = msgspec.structs.replace(card, metrics={**metrics, **known})
        write_card(model, card)
    return card


def ship(recipe: Recipe, fp32: Path, cost: tuple[int, int], *, final: bool) -> None:
    """Put the fp32 file beside the INT8 one, for devices on which INT8 is no faster."""
    shipped = MODELS / fp32.name
    shutil.copy(fp32, shipped)
    finish(recipe, shipped, "fp32", cost, stages={}, final=final)


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = make_parser(__doc__)
    parser.add_argument("--final", action="store_true", help="measure PrivateTest, once")
    return run(parser, lambda recipe, arguments: build(recipe, final=arguments.final))


if __name__ == "__main__":
    sys.exit(main())
