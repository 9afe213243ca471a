"""Train a model on your own pictures: ``python -m training.own DATA NAME``.

Start from the committed parent's weights if there are any, train, quantize with pictures of the
training set, and write NAME-int8.onnx and NAME-fp32.onnx with their cards to the output folder.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import torch
from torch import nn

from edge_fer.emotion.card import FER2013_LABELS, OWN_LABEL, canonical_label, label_error
from edge_fer.errors import ConfigError
from edge_fer.evaluation.chips import Kind
from edge_fer.evaluation.dataset import FERPLUS_COLUMNS
from training.command import answer
from training.data import SPEC, to_split
from training.export import costs, export
from training.fit import fit
from training.nets import new_net
from training.nets.blocks import Classifier
from training.own_card import Order, describe, report
from training.own_data import Sets, read_sets
from training.prune import count_macs, cut
from training.quantize import quantize
from training.recipe import Fit, Prune, Recipe, first, read_recipe
from training.weights import FOLDER, read_parent

EPOCHS = 15
LEARNING_RATE = 1e-3
"""Learning rate from our weights; from scratch the recipe's own."""
BALANCE = 0.5
"""Rare labels are drawn more often, as in `training.recipe.Fit`: own data is rarely balanced."""


def make_own(order: Order, recipe: Recipe, parents: Path = FOLDER) -> Path:
    """Train, export, quantize and measure; return the INT8 file, with its card beside it.

    Raises:
        EdgeFerError: the data cannot be used, or the folder holds another run.
    """
    sets = read_sets(
        order.data, order.own_labels, order.pictures, seed=order.seed, test=order.final
    )
    hold_to_data(order, sets)
    print(sets)
    weights = parents / f"{recipe.name}.npz"
    warm = weights.exists() and not order.scratch
    net = read_parent(recipe, weights) if warm else new_net(recipe)
    net = teach(with_labels(net, sets.train.names), sets, order, recipe, warm=warm)
    fp32 = export(net, order.out / f"{order.name}-fp32.onnx")
    int8 = order.out / f"{order.name}-int8.onnx"
    quantize(fp32, int8, sets.train, recipe.quantize, order.out / "calibration.json")
    for model, precision in ((fp32, "fp32"), (int8, "int8")):
        describe(model, precision, costs(fp32), order, sets, warm=warm)
    report(order, fp32, int8, sets.valid)
    return int8


def hold_to_data(order: Order, sets: Sets) -> None:
    """Refuse to continue in a folder of other pictures or another network."""
    digest = hashlib.sha256(sets.train.images.tobytes() + sets.train.labels.tobytes()).hexdigest()
    begun = {
        "net": order.net,
        "labels": sets.train.names,
        "scratch": order.scratch,
        "pruned": order.prune,
        "seed": order.seed,
        "pixels_sha256": digest,
    }
    text = msgspec.json.encode(begun)
    record = order.out / "run" / "begun.json"
    if record.exists() and record.read_bytes() != text:
        raise ConfigError(
            f"{order.out}: was started with other pictures or options; delete it to start again"
        )
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_bytes(text)


def with_labels(net: nn.Module, labels: tuple[str, ...]) -> nn.Module:
    """Return ``net`` with a head for ``labels``, and keep the old head's rows of known labels."""
    old: nn.Linear = net.head  # type: ignore[assignment]
    known = {label: row for row, label in enumerate(FER2013_LABELS)}
    known["contempt"] = len(known) + FERPLUS_COLUMNS.index("contempt")
    head = nn.Linear(old.in_features, len(labels) + Classifier.AUXILIARY)
    with torch.no_grad():
        for mine, theirs in ((head.weight, old.weight), (head.bias, old.bias)):
            mine[-Classifier.AUXILIARY :] = theirs[-Classifier.AUXILIARY :]
            for row, label in enumerate(labels):
                if label in known:
                    mine[row] = theirs[known[label]]
    net.head, net.labels = head, len(labels)  # type: ignore[assignment]
    return net


def teach(net: nn.Module, sets: Sets, order: Order, recipe: Recipe, *, warm: bool) -> nn.Module:
    """Train; with ``order.prune``, prune and train again for half as long."""
    train, valid = to_split(sets.train), to_split(sets.valid)
    options = own_fit(recipe.fit, len(train), epochs=order.epochs, warm=warm)
    folder = order.out / "run"
    net = fit(net, train, valid, options, folder / "whole", seed=order.seed)
    if order.prune:
        pruning = Prune(macs=order.prune, steps=1, between=options, last=options)
        net = cut(net, int(count_macs(net) * (1 - order.prune)), pruning)
        shorter = msgspec.structs.replace(options, epochs=(options.epochs + 1) // 2)
        net = fit(net, train, valid, shorter, folder / "pruned", seed=order.seed + 1)
    return net


def own_fit(fit: Fit, count: int, *, epochs: int | None, warm: bool) -> Fit:
    """Return the recipe's options adapted to ``count`` pictures without votes."""
    return msgspec.structs.replace(
        fit,
        epochs=epochs or (EPOCHS if warm else fit.epochs),
        learning_rate=LEARNING_RATE if warm else fit.learning_rate,
        batch=min(fit.batch, count, max(8, count // 16)),
        balance=BALANCE,
        primary=1.0,
        distil=0.0,
        aligned=0.0,
        sizes=tuple(SPEC.sizes),
    )


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; each option is a field of `Order`, except the threads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add: Any = parser.add_argument
    add("data", type=Path, help="class folders, RAF-DB, AffectNet, or fer2013.npz or .csv")
    add("name", help="name of the model")
    add("--net", default="ultralight", help="a recipe in training/recipes")
    add("--out", type=Path, help="output folder; own/NAME by default")
    add("--pictures", choices=get_args(Kind), default="chips", help="as in edge-fer evaluate")
    add(
        "--own-labels",
        default="",
        metavar="A,…",
        help="folder names that are not in the vocabulary",
    )
    add("--title", default="", help="title of the data, for the card")
    add("--licence", default="not stated", help="licence of the data, for the card")
    add("--epochs", type=int, help=f"default {EPOCHS}, or the recipe's from scratch")
    add("--prune", type=float, default=0.0, metavar="SHARE", help="share of the MACs to remove")
    add("--scratch", action="store_true", help="start with random weights, not with ours")
    add("--final", action="store_true", help="also measure the test split, once")
    add("--seed", type=int, default=1)
    add("--threads", type=int, default=torch.get_num_threads())
    return parser


def read_order(arguments: argparse.Namespace) -> Order:
    """Return the order from the command line.

    Raises:
        ConfigError: a name is invalid.
    """
    given = {**vars(arguments)}
    name, out = given["name"], given.pop("out")
    if not OWN_LABEL.fullmatch(name):
        raise ConfigError(f"name = {name}: must be 1 to 32 of a-z, 0-9, _ and -")
    labels = tuple(canonical_label(label) for label in given.pop("own_labels").split(",") if label)
    fault = label_error(labels, labels)
    if fault is not None:
        raise ConfigError(f"--own-labels: {fault}")
    del given["threads"]
    return Order(**given, own_labels=labels, out=out or Path("own") / name)


def main() -> int:
    """Run from the command line and return the exit code."""
    arguments = make_parser().parse_args()
    torch.set_num_threads(arguments.threads)
    return answer(lambda: _make(read_order(arguments)))


def _make(order: Order) -> Path:
    return make_own(order, first(read_recipe(order.net)))


if __name__ == "__main__":
    sys.exit(main())
