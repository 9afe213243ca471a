"""Record cost and accuracy of a model's fp32 stages, since runs/ is not committed.

``write_record`` is called by `training.build`; the comparison reads the files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.evaluate import evaluate
from training.budget import Budget, Kind, budget_of
from training.data import data_path
from training.export import costs
from training.figures import TRUTH, card_figures
from training.recipe import Recipe, Struct

FOLDER = Path("training/records")

PUBLIC = "fer2013-public"


class Stage(Struct, frozen=True, kw_only=True):
    """One fp32 network on the way to the model."""

    file: str
    """Its name under runs/<name>/."""
    parameters: int
    macs: int
    """Per chip of the default size."""
    bytes: int
    figures: dict[str, Any]
    """Figures of `edge-fer evaluate` on PublicTest, with the INT8 file's temperature."""
    budget: Budget | None = None
    """Training of this stage alone; None if the run's history was not kept."""


class Record(Struct, frozen=True, kw_only=True):
    """The stages before one INT8 file, in order."""

    model: str
    """The INT8 file's name without .onnx."""
    recipe: str
    stages: dict[Kind, Stage]
    """By name: parent (the uncut network, of this recipe or of one it descends from), pruned."""


def write_record(recipe: Recipe, model: Path, stages: Mapping[Kind, Path]) -> Path:
    """Measure ``stages`` on PublicTest and write <FOLDER>/<model>.json; return its path.

    ``stages`` are fp32 files with their cards beside them. A budget without history on
    this machine is copied from the existing record.
    """
    path = FOLDER / f"{model.stem}.json"
    known = read_record(path).stages if path.exists() else {}
    measured = {}
    for name, file in stages.items():
        parameters, macs = costs(file, recipe.sizes[0])
        earlier = known[name].budget if name in known else None
        measured[name] = Stage(
            file=file.name,
            parameters=parameters,
            macs=macs,
            bytes=file.stat().st_size,
            figures=card_figures(
                evaluate(Classifier(file), data_path(), "public", truth=TRUTH[recipe.labels])
            ),
            budget=budget_of(recipe, name) or earlier,
        )
    record = Record(model=model.stem, recipe=recipe.name, stages=measured)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    return path


def read_record(path: Path) -> Record:
    """Read a record that `write_record` has written."""
    return msgspec.json.decode(path.read_bytes(), type=Record)
