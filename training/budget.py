"""Sum up the training of a network and of all networks that it descends from.

`runs/` is not kept, so the budget of each committed network stands in ``FILE``; its run's
history is taken before that.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from training.recipe import RUNS, Recipe, Struct, inner, origin, root

FILE = Path("training/records/budgets.json")

Kind = Literal["parent", "pruned"]


class Budget(Struct, frozen=True, kw_only=True):
    """What training took."""

    epochs: int
    hours: float
    """Of wall-clock time, on the cores that were lent."""


def budget_of(recipe: Recipe, kind: Kind) -> Budget | None:
    """Return the budget of the uncut network (parent) or of all later stages; None if unknown."""
    steps = _uncut(root(recipe)) if kind == "parent" else _behind(recipe)
    parts = [_alone(step, kind) for step, kind in steps]
    if any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    hours = round(sum(part.hours for part in known), 2)
    return Budget(epochs=sum(part.epochs for part in known), hours=hours)


def keep_budget(recipe: Recipe) -> None:
    """Note what the recipe's own runs took, since its network is committed."""
    budget = _alone(recipe, _committed(recipe))
    if budget is not None:
        text = msgspec.json.encode(_kept() | {recipe.name: budget}, order="sorted")
        FILE.write_bytes(msgspec.json.format(text, indent=1) + b"\n")


def _uncut(recipe: Recipe) -> Iterator[tuple[Recipe, Kind]]:
    """Yield the runs of an uncut network, after those of the network inside it."""
    within = inner(recipe)
    if within is not None:
        yield from _uncut(root(within))
        yield from _behind(within)
    yield recipe, "parent"


def _behind(recipe: Recipe) -> Iterator[tuple[Recipe, Kind]]:
    """Yield all runs after the uncut network, in order."""
    if recipe.parent is not None and origin(recipe).parent is not None:
        yield from _behind(origin(recipe))
    yield recipe, "pruned" if recipe.prune is not None else "parent"


def _alone(recipe: Recipe, kind: Kind) -> Budget | None:
    """Yield the recipe's own runs."""
    files = [folder / "history.json" for folder in _folders(recipe, kind)]
    if not all(file.exists() for file in files):
        return _kept().get(recipe.name) if kind == _committed(recipe) else None
    epochs = [epoch for file in files for epoch in msgspec.json.decode(file.read_bytes())]
    seconds = sum(epoch["seconds"] for epoch in epochs)
    return Budget(epochs=len(epochs), hours=round(seconds / 3600, 2))


def _committed(recipe: Recipe) -> Kind:
    """Return which of its networks a recipe provides to others (`training.parents.finished`)."""
    return "parent" if recipe.parent is None or recipe.prune is None else "pruned"


def _folders(recipe: Recipe, kind: Kind) -> Iterator[Path]:
    folder = RUNS / recipe.name
    if kind == "parent" or recipe.prune is None:
        yield folder / "parent"
        return
    yield from (folder / f"pruned{step + 1}" for step in range(recipe.prune.steps))
    if recipe.prune.polish:
        yield folder / "polished"


def _kept() -> dict[str, Budget]:
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Budget]) if FILE.exists() else {}
