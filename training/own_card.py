"""Write the card of a model trained on own pictures, and report its figures."""

import dataclasses
import shlex
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from edge_fer.emotion.card import FORMAT, LABELS, Card, sha256_of, write_card
from edge_fer.emotion.classify import Classifier, golden_vectors
from edge_fer.evaluation.chips import Kind
from edge_fer.evaluation.dataset import Dataset
from edge_fer.evaluation.evaluate import confusion, figures_of, predict
from training.build import DATA
from training.data import SPEC
from training.figures import fit_temperature
from training.own_data import Sets
from training.plots import plot_confusion

LIMITS = [
    "reads the expression on a face, which is no reliable sign of what a person feels",
    "trained on the author's own pictures; other people, cameras and light were not measured",
    "not for workplaces, schools, hiring, policing or any decision about a person",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """Options of a training on own pictures."""

    data: Path
    name: str
    out: Path
    net: str = "ultralight"
    pictures: Kind = "chips"
    own_labels: tuple[str, ...] = ()
    title: str = ""
    """Title of the data for the card; empty for the path's last part."""
    licence: str = "not stated"
    epochs: int | None = None
    prune: float = 0.0
    """Share of the multiply-accumulates to remove."""
    scratch: bool = False
    final: bool = False
    seed: int = 1


def describe(
    model: Path, precision: str, cost: tuple[int, int], order: Order, sets: Sets, *, warm: bool
) -> None:
    """Write the card of one of the two files, with its figures.

    ``cost`` is parameters and multiply-accumulates; ``warm`` means: trained from our weights.
    """
    title = order.title or order.data.resolve().name
    data = {"name": title, "licence": order.licence}
    if warm:
        data["begun from"] = f"our weights, trained on {DATA['name']}; {DATA['licence']}"
    labels = list(sets.train.names)
    card = Card(
        format=FORMAT,
        name=model.stem,
        network=order.net,
        precision=precision,
        sha256=sha256_of(model),
        labels=labels,
        own_labels=[x for x in labels if x not in LABELS],
        input=SPEC,
        parameters=cost[0],
        macs=cost[1],
        bytes=model.stat().st_size,
        data=data,
        limits=LIMITS,
        command=command_of(order),
    )
    write_card(model, card)
    card = msgspec.structs.replace(card, temperature=fit_temperature(model, sets.valid))
    write_card(model, card)
    classifier = Classifier(model)
    metrics = {f"{title}-validation": figures_of(classifier, sets.valid)}
    if sets.test is not None:
        metrics[f"{title}-test"] = figures_of(classifier, sets.test)
    write_card(
        model,
        msgspec.structs.replace(card, golden=golden_vectors(Classifier(model)), metrics=metrics),
    )


def command_of(order: Order) -> str:
    """Return the command line of this order."""
    words = ["python", "-m", "training.own", str(order.data), order.name]
    for field in dataclasses.fields(order):
        value = getattr(order, field.name)
        if field.name not in ("data", "name", "out") and value != field.default:
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            flag = f"--{field.name.replace('_', '-')}"
            words += [flag] if value is True else [flag, text]
    return shlex.join(words)


def report(order: Order, fp32: Path, int8: Path, valid: Dataset) -> None:
    """Print figures, confusion matrix and the next commands."""
    console = Console()
    names = valid.names
    said, whole = (predict(Classifier(model), valid).argmax(1) for model in (int8, fp32))
    table = confusion(valid.labels, said, len(names))
    plot_confusion(table, names, order.out / "confusion.png")
    shown = Table("label", *names, title="validation: rows are true labels, columns predictions")
    for name, row in zip(names, table, strict=True):
        shown.add_row(name, *map(str, row))
    console.print(shown)
    right = [float((answers == valid.labels).mean()) for answers in (said, whole)]
    print(
        f"{int8}: {right[0]:.3f} of {len(valid)} right, fp32 {right[1]:.3f}; "
        f"same answer {float((said == whole).mean()):.3f}\n"
        f"try it:  edge-fer check --set model.path={int8}\n"
        f'use it:  [model] path = "{int8.resolve()}" in the configuration'
    )
