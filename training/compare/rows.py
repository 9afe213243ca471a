"""Make the rows of the table of costs: our models at each stage, and the rebuilt networks."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from edge_fer.bench.models import Ratio
from edge_fer.emotion.card import Card, read_card
from edge_fer.emotion.session import optimize
from training.budget import Budget
from training.compare.latency import ratios
from training.compare.peers import Rebuilt
from training.compare.rebuild import rebuild
from training.export import costs
from training.recipe import RUNS
from training.records import FOLDER, Stage, read_record


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One network, at one size, in one form."""

    name: str
    model: str = ""
    """The INT8 file of the stage; empty for other people's networks."""
    stage: Literal["", "fp32", "int8", "scaled", "compiled"] = ""
    """Stage of our models: on the way, the file, at another chip size, its compiled copy."""
    truth: str = "fer2013"
    """True labels of the figures, a key of `TRUTHS`."""
    size: int
    """Side of the input in px."""
    channels: int = 1
    parameters: int | None = None
    macs: int | None = None
    """Per picture of that size."""
    bytes: int | None = None
    file: Path | None = None
    """File to be timed; None if it is not on this machine."""
    latency: Ratio | None = None
    public: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Figures on PublicTest, as `edge-fer evaluate` prints them."""
    private: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The same on PrivateTest."""
    budget: Budget | None = None
    """Training of all stages up to this one."""


def our_rows(models: Sequence[Path], scratch: Path) -> list[Row]:
    """Return each INT8 model's fp32 stages, its file at each size, and its compiled copy."""
    return [row for model in models for row in _stages(model, read_card(model), scratch)]


def rebuilt_rows(peers: Sequence[Rebuilt], scratch: Path) -> list[Row]:
    """Return a row per size; write missing files to ``scratch``."""
    rows = []
    for peer in peers:
        for size in peer.sizes:
            file, parameters, macs = rebuild(peer, size, scratch)
            rows.append(
                Row(
                    name=peer.name,
                    size=size,
                    channels=peer.channels,
                    parameters=parameters,
                    macs=macs,
                    bytes=file.stat().st_size,
                    file=file,
                )
            )
    return rows


def timed(rows: Sequence[Row], yardstick: Row) -> list[Row]:
    """Return the rows with their latency relative to ``yardstick``, all from one run."""
    found = [(row, row.file) for row in rows if row.file is not None]
    assert yardstick.file is not None
    files = [(yardstick.file, yardstick.size), *((file, row.size) for row, file in found)]
    measured = dict(zip((id(row) for row, _ in found), ratios(files)[1:], strict=True))
    return [dataclasses.replace(row, latency=measured.get(id(row))) for row in rows]


def _stages(model: Path, card: Card, scratch: Path) -> Iterator[Row]:
    truth, public = card.figures("public")
    shipped = Row(
        name=model.stem,
        model=model.stem,
        stage="int8",
        truth=truth or "fer2013",
        size=card.input.sizes[0],
        channels=card.input.channels,
        parameters=card.parameters,
        macs=card.macs,
        bytes=model.stat().st_size,
        file=model,
        public=public,
        private=card.figures("private")[1],
    )
    stages = list(_fp32(shipped, FOLDER / f"{model.stem}.json", model.parent))
    yield from stages
    last = stages[-1] if stages else shipped
    shipped = dataclasses.replace(shipped, budget=last.budget)
    yield shipped
    for other in card.input.sizes[1:]:
        yield dataclasses.replace(
            shipped,
            name=f"{model.stem} at {other} px",
            stage="scaled",
            size=other,
            macs=costs(last.file, other)[1] if last.stage == "fp32" and last.file else None,
            public=card.figures(f"public, {other} px")[1],
            private={},
        )
    yield _compiled(shipped, model, scratch)


def _compiled(shipped: Row, model: Path, scratch: Path) -> Row:
    """Return the row of the model's compiled copy, which is written to ``scratch``."""
    compiled = scratch / f"{model.stem}.ort"
    compiled.parent.mkdir(parents=True, exist_ok=True)
    optimize(model, compiled)
    return dataclasses.replace(
        shipped,
        name=f"{model.stem}, compiled",
        stage="compiled",
        file=compiled,
        bytes=compiled.stat().st_size,
        public={},
        private={},
    )


def _fp32(shipped: Row, record: Path, models: Path) -> Iterator[Row]:
    """Yield the stages in the record of the ``shipped`` file, with the file if it still exists."""
    if not record.exists():
        return
    read = read_record(record)
    budget: Budget | None = None
    for name, stage in read.stages.items():
        budget = _sum(budget, stage) if name != "parent" else stage.budget
        places = (RUNS / read.recipe / stage.file, models / stage.file)
        yield dataclasses.replace(
            shipped,
            name=f"{shipped.model}: fp32 {name}",
            stage="fp32",
            parameters=stage.parameters,
            macs=stage.macs,
            bytes=stage.bytes,
            file=next((place for place in places if place.exists()), None),
            public=stage.figures,
            private={},
            budget=budget,
        )


def _sum(earlier: Budget | None, stage: Stage) -> Budget | None:
    if earlier is None or stage.budget is None:
        return None
    hours = round(earlier.hours + stage.budget.hours, 2)
    return Budget(epochs=earlier.epochs + stage.budget.epochs, hours=hours)
