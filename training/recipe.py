"""Read recipes, the settings of a model from data to card, from training/recipes/*.toml."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_fer.errors import ConfigError


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all sections: frozen, and an unknown key is an error."""


class Fit(Struct, frozen=True, kw_only=True):
    """One training run: schedule, loss and augmentation."""

    epochs: int
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    warmup: float = 0.06
    """Share of all steps in which the learning rate rises."""
    primary: float = 1.0
    """Weight of everything that concerns the FER-2013 labels."""
    label_smoothing: float = 0.1
    auxiliary: float = 0.5
    """Weight of the cross-entropy to the FER+ vote distribution."""
    distil: float = 0.0
    """Weight of the soft labels; the pictures' own labels keep the rest."""
    temperature: float = 2.0
    """Divides the logits of both sides of the distillation."""
    balance: float = 0.0
    """Labels are drawn in proportion to their count to the power 1 - balance; 1 is evenly."""
    sizes: tuple[int, ...] = (48,)
    """Chip sides in px; each batch is of one, drawn evenly (an entry may repeat). PublicTest is
    watched at the first."""
    ema: float = 0.998
    """Decay of the averaged weights per step; the averaged ones are what is kept."""
    aligned: float = 0.0
    """Share of the chips that is cut by the run-time aligner; the rest is as in the data set."""
    strength: float = 1.0
    """Of moving and relighting: 0 none, 1 as in training/augment.py."""
    degrade: float = 1.0
    """Of the shares that are degraded and covered: 0 none, 1 as in training/augment.py."""
    mixup: float = 0.0
    """Share of the batches whose pictures are each blended with another one of the batch."""
    mix: float = 0.0
    """Weight of the cross-entropy of both heads' mix with the soft labels' mix."""
    mix_votes: float = 0.5
    """Weight of the votes' head in that mix."""
    mix_power: float = 0.0
    """Power of the prior by which that mix divides the votes' scores."""


class Prune(Struct, frozen=True, kw_only=True):
    """Structural pruning in steps, each followed by a fine-tuning run."""

    macs: float
    """Share of the multiply-accumulates that is removed, counted from the unpruned network."""
    steps: int = 2
    round_to: int = 8
    between: Fit
    """Run between the steps."""
    last: Fit
    """Run after the last step."""
    polish: Fit | None = None
    """Run after that with a fresh, lower schedule."""


class Quantize(Struct, frozen=True, kw_only=True):
    """Post-training quantization: the calibration pick."""

    images: int = 512
    seed: int = 7
    reduce_range: bool = True
    """Weights of 7 bits: with 8, pairs of products overflow the 16 bits that x86 without VNNI
    adds them in."""


class Study(Struct, frozen=True, kw_only=True):
    """Whether pruning pays: parent, pruned and same size from scratch, over several seeds."""

    seeds: tuple[int, ...] = (1, 2, 3)
    macs: float = 0.5
    """Share of the multiply-accumulates that is removed, in one step."""
    parent: Fit
    pruned: Fit
    """After the cut; the network from scratch has the epochs of both together."""
    without: dict[str, Any] = {}
    """Options of the network for an ablation: trained as the parent is, and compared with it."""
    without_seeds: tuple[int, ...] = ()
    """Of the ablation; among `seeds`."""


class Search(Struct, frozen=True, kw_only=True):
    """Shapes of the network to be trained alike and briefly, and timed."""

    fit: Fit
    variants: dict[str, dict[str, Any]]
    """By name the options of the network's builder in which it differs from the recipe's."""


class Recipe(Struct, frozen=True, kw_only=True):
    """Everything that decides a model."""

    name: str
    """Of the run, and the first part of the model file's name."""
    net: str
    """A key of training.nets.NETS."""
    options: dict[str, Any] = {}
    """Arguments of the network's builder."""
    seed: int = 1
    sizes: tuple[int, ...] = (48,)
    """Chip sides in px that the model file offers; the first is the default."""
    soft: str | None = None
    """Name of a file in training/soft/: the scores of an ensemble to learn from."""
    wild: bool = False
    """True to train on the faces of photographs too, with the soft labels ``<soft>-wild``."""
    parent: str | None = None
    """Recipe whose committed network this one begins with, instead of training one of its own."""
    grown: str | None = None
    """Recipe whose committed network stands inside this one's, which is wider, at the start."""
    labels: Literal["fer2013", "ferplus"] = "fer2013"
    """Which of the two heads is exported."""
    fp32: bool = False
    """Whether the pruned fp32 file is shipped beside the INT8 one."""
    fit: Fit
    prune: Prune | None = None
    study: Study | None = None
    search: Search | None = None
    quantize: Quantize = Quantize()


FOLDER = Path(__file__).parent / "recipes"
RUNS = Path("runs")
"""Where runs keep checkpoints, plots and intermediate models; not committed."""


SECTIONS: dict[str, type[Struct]] = {
    "": Recipe,
    "fit": Fit,
    "prune": Prune,
    "prune.between": Fit,
    "prune.last": Fit,
    "prune.polish": Fit,
    "quantize": Quantize,
    "study": Study,
    "study.parent": Fit,
    "study.pruned": Fit,
    "search": Search,
    "search.fit": Fit,
}


def read_recipe(name: str, folder: Path = FOLDER) -> Recipe:
    """Read <folder>/<name>.toml.

    Raises:
        ConfigError: there is no such recipe, or it has a wrong key or value; one line.
    """
    path = folder / f"{name}.toml"
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Recipe)
    except FileNotFoundError as error:
        names = sorted(file.stem for file in folder.glob("*.toml"))
        raise ConfigError(
            f"{path}: no such recipe, must be one of {', '.join(names)}{suggestion(name, names)}"
        ) from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_plain(str(error))}") from error
    except (msgspec.DecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: must be a TOML file ({error})") from error


def origin(recipe: Recipe) -> Recipe:
    """Return the recipe whose network this one starts with; itself if it trains its own."""
    return recipe if recipe.parent is None else read_recipe(recipe.parent)


def root(recipe: Recipe) -> Recipe:
    """Return the recipe of the uncut network from which this one descends, which may be itself."""
    return recipe if recipe.parent is None else root(origin(recipe))


def inner(recipe: Recipe) -> Recipe | None:
    """Return the recipe whose network this one's grows around at the start, if there is one."""
    return None if recipe.grown is None else read_recipe(recipe.grown)


def first(recipe: Recipe) -> Recipe:
    """Return the first recipe of the chain, which starts with random weights."""
    within = inner(root(recipe))
    return root(recipe) if within is None else first(within)


def fits(recipe: Recipe) -> list[Fit]:
    """Return all training runs that the recipe itself describes."""
    prune = recipe.prune
    later = [] if prune is None else [prune.between, prune.last, prune.polish]
    return [fit for fit in (recipe.fit, *later) if fit is not None]


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return the end of a message about a mistyped name; empty if no name is close."""
    near = difflib.get_close_matches(wrong, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _plain(text: str) -> str:
    """Turn msgspec's "Expected `int`, got `str` - at `$.fit.epochs`" into our form."""
    message, _, where = text.partition(" - at ")
    section = where.strip("`").removeprefix("$").removeprefix(".")
    words = message.split("`")
    if message.startswith("Object contains unknown field"):
        known = SECTIONS[section].__struct_fields__
        key = f"{section}.{words[1]}".removeprefix(".")
        return f"{key}: no such key, must be one of {', '.join(known)}{suggestion(words[1], known)}"
    if message.startswith("Object missing required field"):
        return f"{section}.{words[1]}".removeprefix(".") + ": must be given"
    if message.startswith("Expected"):
        return f"{section}: must be {words[1]}, is {words[3]}"
    return f"{section}: {message}"
