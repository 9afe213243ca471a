"""Search the shapes of a network by latency: ``python -m training.search ultralight``.

Trains every variant of the recipe's section ``search`` alike and briefly, turns it into an INT8
file and times all of them in one process; training/records/search-NAME.json keeps the result.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge_fer.errors import ConfigError
from edge_fer.evaluation.dataset import load
from training.command import make_parser, run
from training.compare.latency import instructions, ratios
from training.compare.peers import read_peers
from training.compare.rebuild import rebuild
from training.data import Split, data_path, read_split
from training.export import costs, export
from training.fit import accuracy, fit
from training.nets import new_net
from training.quantize import quantize
from training.recipe import RUNS, Recipe, Search
from training.records import FOLDER
from training.train import training_split


def search(recipe: Recipe) -> dict[str, Any]:
    """Train and time all variants and return the record.

    Raises:
        ConfigError: the recipe has no section search, or a variant no such option; one line.
    """
    options = recipe.search
    if options is None:
        raise ConfigError(f"{recipe.name}: must have the section search")
    chips, valid = training_split(recipe), read_split("public")
    found = [
        _try(
            msgspec.structs.replace(recipe, options={**recipe.options, **changes}),
            name,
            options,
            chips,
            valid,
        )
        for name, changes in options.variants.items()
    ]
    yardstick, _, _ = rebuild(read_peers().rebuilt[0], 64, RUNS / "peers")
    size = options.fit.sizes[0]
    times = ratios([(yardstick, 64), *((file, size) for _, file in found)])[1:]
    rows = [
        row | {"latency": msgspec.to_builtins(time)}
        for (row, _), time in zip(found, times, strict=True)
    ]
    return {
        "epochs": options.fit.epochs,
        "size": size,
        "machine": instructions(),
        "variants": [row | {"best": _best(row, rows)} for row in rows],
    }


def _try(
    recipe: Recipe, name: str, options: Search, chips: Split, valid: Split
) -> tuple[dict[str, Any], Path]:
    """Return the figures of one variant, and its INT8 file."""
    folder = RUNS / recipe.name / "search" / name
    net = fit(new_net(recipe), chips, valid, options.fit, folder, seed=recipe.seed)
    fp32 = export(net, folder / "fp32.onnx", options.fit.sizes)
    int8 = folder / "int8.onnx"
    quantize(fp32, int8, load(data_path(), "train"), recipe.quantize, folder / "int8.json")
    parameters, macs = costs(fp32, options.fit.sizes[0])
    return {
        "name": name,
        "options": recipe.options,
        "parameters": parameters,
        "macs": macs,
        "bytes": int8.stat().st_size,
        "accuracy": round(accuracy(net, valid), 5),
    }, int8


def _best(row: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
    """Return True if no other is at least as accurate and faster (Pareto front)."""
    return not any(
        other["accuracy"] >= row["accuracy"] and other["latency"]["value"] < row["latency"]["value"]
        for other in rows
    )


def _run(recipe: Recipe) -> None:
    path = FOLDER / f"search-{recipe.name}.json"
    path.write_text(json.dumps(search(recipe), indent=1) + "\n")
    print(path.read_text())


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(make_parser(__doc__), lambda recipe, _: _run(recipe))


if __name__ == "__main__":
    sys.exit(main())
