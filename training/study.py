"""Compare pruning with training from scratch: ``python -m training.study ultralight``.

For each seed three networks are trained: the parent, the parent cut and tuned, and the cut
network's architecture with fresh weights for as many epochs as both together had; and, for the
seeds of an ablation, the parent without some part of it. The record holds their PublicTest
accuracy and the paired differences with a bootstrap interval.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge_fer.errors import ConfigError
from training.command import make_parser, run
from training.data import Split, read_split
from training.fit import fit, said
from training.nets import new_net
from training.prune import count_macs, cut
from training.recipe import RUNS, Recipe, Study
from training.train import training_split

RECORDS = Path(__file__).parent / "records"
ARMS = ("parent", "pruned", "scratch")
DRAWS = 10_000
"""Of the bootstrap."""


def study(recipe: Recipe) -> dict[str, Any]:
    """Train all arms of all seeds and return the record.

    Raises:
        ConfigError: the recipe has no section study or none named prune.
    """
    options, shape = recipe.study, recipe.prune
    if options is None or shape is None:
        raise ConfigError(f"{recipe.name}: must have the sections study and prune")
    chips, valid = training_split(recipe), read_split("public")
    right: dict[str, list[NDArray[np.bool_]]] = {arm: [] for arm in ARMS}
    macs: dict[str, int] = {}
    for seed in options.seeds:
        for arm, net in _train_arms(recipe, options, seed, chips, valid):
            right[arm].append((said(net, valid) == valid.labels).numpy())
            macs[arm] = count_macs(net)
    record = summarise(right, macs, options)
    if options.without:
        record["without"] = _ablate(recipe, options, right["parent"], chips, valid)
    return record


def _ablate(
    recipe: Recipe, options: Study, parents: list[NDArray[np.bool_]], chips: Split, valid: Split
) -> dict[str, Any]:
    """Train the parent with other options, and compare the two; the parent's gain in points."""
    ours, theirs = [], []
    for seed in options.without_seeds:
        changed = msgspec.structs.replace(
            recipe, seed=seed, options={**recipe.options, **options.without}
        )
        folder = RUNS / recipe.name / f"study-{seed}" / "without"
        net = fit(new_net(changed), chips, valid, options.parent, folder, seed=seed)
        ours.append(parents[options.seeds.index(seed)])
        theirs.append((said(net, valid) == valid.labels).numpy())
    return {
        "options": options.without,
        "seeds": list(options.without_seeds),
        "macs": count_macs(net),
        "accuracy": [round(float(row.mean()), 5) for row in theirs],
        "parent - without": paired(ours, theirs),
    }


def _train_arms(
    recipe: Recipe, options: Study, seed: int, chips: Split, valid: Split
) -> list[tuple[str, nn.Module]]:
    assert recipe.prune is not None
    folder = RUNS / recipe.name / f"study-{seed}"
    start = new_net(msgspec.structs.replace(recipe, seed=seed))
    parent = fit(start, chips, valid, options.parent, folder / "parent", seed=seed)
    smaller = cut(parent, int(count_macs(parent) * (1 - options.macs)), recipe.prune)
    pruned = fit(smaller, chips, valid, options.pruned, folder / "pruned", seed=seed)
    whole = options.parent.epochs + options.pruned.epochs
    longer = msgspec.structs.replace(options.parent, epochs=whole)
    scratch = fit(fresh(smaller, seed), chips, valid, longer, folder / "scratch", seed=seed)
    return list(zip(ARMS, (parent, pruned, scratch), strict=True))


def fresh(net: nn.Module, seed: int) -> nn.Module:
    """Return the architecture of ``net`` with new random weights."""
    torch.manual_seed(seed)
    net = copy.deepcopy(net)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.Linear)):
            module.reset_parameters()
    return net


def summarise(
    right: dict[str, list[NDArray[np.bool_]]], macs: dict[str, int], options: Study
) -> dict[str, Any]:
    """Return accuracy by arm and seed, and the deciding differences in points."""
    return {
        "seeds": list(options.seeds),
        "epochs": {
            "parent": options.parent.epochs,
            "pruned": f"{options.parent.epochs} + {options.pruned.epochs}",
            "scratch": options.parent.epochs + options.pruned.epochs,
        },
        "sizes": list(options.parent.sizes),
        "macs": macs,
        "accuracy": {arm: [round(float(row.mean()), 5) for row in right[arm]] for arm in ARMS},
        "pruned - parent": paired(right["pruned"], right["parent"]),
        "pruned - scratch": paired(right["pruned"], right["scratch"]),
    }


def paired(
    ours: list[NDArray[np.bool_]], theirs: list[NDArray[np.bool_]], *, seed: int = 1
) -> dict[str, float]:
    """Return the difference of the mean accuracies in points with a 95 % interval.

    The bootstrap draws pictures and seeds, since both are samples (Efron 1979).
    """
    gaps = np.stack(ours).astype(float) - np.stack(theirs)
    draw = np.random.default_rng(seed)
    rounds, pictures = gaps.shape
    means = []
    for _ in range(DRAWS):
        drawn = gaps[draw.integers(rounds, size=rounds)].mean(axis=0)
        means.append(drawn[draw.integers(pictures, size=pictures)].mean())
    low, high = np.percentile(means, (2.5, 97.5))
    return {
        "points": round(100 * float(gaps.mean()), 2),
        "low": round(100 * float(low), 2),
        "high": round(100 * float(high), 2),
    }


def _run(recipe: Recipe) -> None:
    record = study(recipe)
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"study-{recipe.name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(path.read_text())


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(make_parser(__doc__), lambda recipe, _: _run(recipe))


if __name__ == "__main__":
    sys.exit(main())
