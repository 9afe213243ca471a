"""Run records: what the fp32 stages of a model cost and reach, kept though runs/ is not.

``write_record`` is called by `training.build`; the comparison reads the files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge_fer.measure.evaluate import evaluate
from training.data import data_path
from training.export import costs
from training.figures import TRUTH
from training.recipe import RUNS, Recipe, Struct, origin, root

FOLDER = Path("training/records")

PUBLIC = "fer2013-public"


class Budget(Struct, frozen=True, kw_only=True):
    """What training took."""

    epochs: int
    hours: float
    """Of wall-clock time, on the cores that were lent."""


class Stage(Struct, frozen=True, kw_only=True):
    """One fp32 network on the way to the model."""

    file: str
    """Its name under runs/<name>/."""
    parameters: int
    macs: int
    """Per chip of the default size."""
    bytes: int
    figures: dict[str, Any]
    """What `edge-fer evaluate` says of it on PublicTest, with the INT8 file's temperature."""
    budget: Budget | None = None
    """Of this stage alone; None where the run's history was not kept."""


class Record(Struct, frozen=True, kw_only=True):
    """The stages ahead of one INT8 file, in order."""

    model: str
    """The INT8 file's name without .onnx."""
    recipe: str
    stages: dict[str, Stage]
    """By name: parent (the uncut network, of this recipe or of one it descends from), pruned."""


def write_record(recipe: Recipe, model: Path, stages: Mapping[str, Path]) -> Path:
    """Measure ``stages`` on PublicTest and write <FOLDER>/<model>.json; return its path.

    ``stages`` are fp32 files with their cards beside them. A budget that this machine has no
    history of is taken over from the record that is there.
    """
    path = FOLDER / f"{model.stem}.json"
    known = read_record(path).stages if path.exists() else {}
    measured = {}
    for name, file in stages.items():
        parameters, macs = costs(file, recipe.sizes[0])
        earlier = known[name].budget if name in known else None
        measured[name] = Stage(
            file=file.name, parameters=parameters, macs=macs, bytes=file.stat().st_size,
            figures=evaluate(file, data_path(), "public", truth=TRUTH[recipe.labels]),
            budget=_budget(recipe, name) or earlier,
        )  # fmt: skip
    record = Record(model=model.stem, recipe=recipe.name, stages=measured)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    return path


def read_record(path: Path) -> Record:
    """Read a record that `write_record` has written."""
    return msgspec.json.decode(path.read_bytes(), type=Record)


def _budget(recipe: Recipe, stage: str) -> Budget | None:
    """Summed over the stage's runs; None if one of them has left no history here."""
    runs = [RUNS / root(recipe).name / "parent"] if stage == "parent" else list(_later(recipe))
    histories = [run / "history.json" for run in runs]
    if not all(file.exists() for file in histories):
        return None
    epochs = [epoch for file in histories for epoch in msgspec.json.decode(file.read_bytes())]
    seconds = sum(epoch["seconds"] for epoch in epochs)
    return Budget(epochs=len(epochs), hours=round(seconds / 3600, 2))


def _later(recipe: Recipe) -> Iterator[Path]:
    """The folders of all runs behind the uncut network, those of the recipe's parents first."""
    if recipe.parent is not None and origin(recipe).parent is not None:
        yield from _later(origin(recipe))
    if recipe.prune is not None:
        yield from (RUNS / recipe.name / f"pruned{k + 1}" for k in range(recipe.prune.steps))
        if recipe.prune.polish:
            yield RUNS / recipe.name / "polished"
    else:
        yield RUNS / recipe.name / "parent"
