"""The model card: everything needed to use a model file, in the JSON file beside it.

`<model>.onnx` has `<model>.json`. No property of a model is written in code or derived from its
name. The card is checked against the file's sha256 here and against the graph in `session`.
The label vocabulary is here too; a model may add labels of its own if its card declares them.
"""

import difflib
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge_fer.errors import ModelError

LABELS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
"""Every label a model may use without declaring it. The first seven, in this order, are those of
FER-2013 (Goodfellow et al. 2013, arXiv 1307.0414); contempt comes from FER+."""

FER2013_LABELS: Final = LABELS[:7]

UNCERTAIN: Final = "uncertain"
"""Published when no label is confident enough: abstention, not an emotion."""

OWN_LABEL: Final = re.compile("[a-z0-9_-]{1,32}")
"""Form of a label outside `LABELS`."""

_SYNONYMS: Final = {
    "anger": "angry",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "disgusted": "disgust",
    "fearful": "fear",
}


def canonical_label(name: str) -> str:
    """Return the label of `LABELS` that data sets and other models also call ``name``."""
    lower = name.strip().lower()
    return _SYNONYMS.get(lower, lower)


def label_error(labels: Sequence[str], own: Collection[str] = ()) -> str | None:
    """Return what is wrong with ``labels``, of which ``own`` are outside `LABELS`, or None."""
    for name in own:
        if not OWN_LABEL.fullmatch(name) or name == UNCERTAIN:
            return f"own label {name!r} must be 1 to 32 of a-z, 0-9, _ and -, not {UNCERTAIN!r}"
        if name not in labels or name in LABELS:
            return f"own label {name!r} must be in labels, and none of {', '.join(LABELS)}"
    for name in labels:
        if name not in LABELS and name not in own:
            near = difflib.get_close_matches(name, LABELS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else " or stand in own_labels"
            return f"{name!r} must be one of {', '.join(LABELS)}{hint}"
    return None if len(set(labels)) == len(labels) else "each may be named only once"


DEFAULT = "ultralight-ferplus"
"""Start of the default model's name; docs/background/models.md gives the reasons."""

FORMAT = 1
"""Version of the card's format; any other is rejected."""

TRUTHS: Final[Mapping[str, str]] = {"fer2013": "FER-2013", "ferplus": "FER+ majority"}
"""Label set of a metric: prefix of its key in `Card.metrics`, and its name."""

Point = tuple[float, float]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the card's parts: frozen; an unknown key is an error."""


class Input(_Part, frozen=True):
    """The network's input."""

    sizes: Annotated[list[Annotated[int, Meta(ge=16, le=512)]], Meta(min_length=1)]
    """Sides of the square crop in px; the first is the default."""
    mean: float
    """Subtracted from each pixel, in pixel units (0-255)."""
    std: Annotated[float, Meta(gt=0)]
    """Divides each pixel after that, in pixel units."""
    channels: Literal[1, 3] = 1
    """With 3, the luma is repeated in each channel."""
    layout: Literal["NCHW", "NHWC"] = "NCHW"


class Framing(_Part, frozen=True):
    """Places of five points of the face in the crop, as fractions of its side (x, y).

    Left and right are those of the picture. The default is the median of FER-2013's pictures.
    """

    left_eye: Point = (0.312, 0.392)
    right_eye: Point = (0.682, 0.389)
    nose_tip: Point = (0.500, 0.589)
    left_mouth: Point = (0.344, 0.776)
    right_mouth: Point = (0.661, 0.771)

    @property
    def points(self) -> tuple[Point, ...]:
        """Return the five points in the order above."""
        return msgspec.structs.astuple(self)


Factor = Annotated[int, Meta(ge=0, le=255)]


class Golden(_Part, frozen=True):
    """A generated test crop and the scores that the model must return for it on any machine."""

    pattern: tuple[Factor, Factor, Factor]
    """a, b, c of the crop ``(a x + b y + c x y) mod 256``, x and y in px."""
    scores: dict[str, float]


class Card(_Part, frozen=True):
    """The card of a model file."""

    format: int
    name: str
    """The model file's name without .onnx."""
    network: str
    """Architecture, for display: ultralight, xception, …"""
    precision: str
    """fp32, int8, …"""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """Digest of the .onnx file."""
    labels: Annotated[list[str], Meta(min_length=2)]
    """In the order of the network's outputs."""
    input: Input
    own_labels: list[str] = []
    """The labels outside `LABELS`."""
    output: Literal["logits", "probabilities"] = "logits"
    framing: Framing = Framing()
    temperature: Annotated[float, Meta(gt=0)] = 1.0
    """Divides the logits before the softmax (Guo et al. 2017, arXiv 1706.04599)."""
    golden: list[Golden] = []
    parameters: int | None = None
    macs: int | None = None
    """Multiply-accumulates per crop of the default size."""
    bytes: int | None = None
    metrics: dict[str, dict[str, Any]] = {}
    """Output of `edge-fer evaluate --json`, by data set and split."""
    data: dict[str, str] = {}
    """Training data and its licence."""
    limits: list[str] = []
    """Known weaknesses and prohibited uses."""
    command: str = ""
    """The command that builds this file from the data."""

    def figures(self, split: str) -> tuple[str, dict[str, Any]]:
        """Return a key of `TRUTHS` and the metrics by those labels; "" and {} if not measured.

        ``split`` is the end of the metric's key: "public", "private" or "public, 32 px".
        """
        known = ((truth, self.metrics.get(f"{truth}-{split}")) for truth in TRUTHS)
        return next(((truth, figures) for truth, figures in known if figures), ("", {}))

    def accuracy_at(self, size: int) -> float | None:
        """Return the accuracy on PublicTest with crops of that side in px; None if not measured."""
        further = "" if size == self.input.sizes[0] else f", {size} px"
        return self.figures(f"public{further}")[1].get("accuracy")


def read_card(model: Path) -> Card:
    """Read and check the card of the model file ``model``.

    Raises:
        ModelError: model or card is missing or unreadable, or they do not match.
    """
    if not model.is_file():
        raise ModelError(f"{model}: no such model file")
    path = model.with_suffix(".json")
    if not path.is_file():
        raise ModelError(f"{path}: no such card; every model needs its card beside it")
    card = _decode(path)
    if card.format != FORMAT:
        raise ModelError(f"{path}: format = {card.format}: must be {FORMAT}")
    fault = label_error(card.labels, card.own_labels)
    if fault is not None:
        raise ModelError(f"{path}: labels: {fault}")
    digest = sha256_of(model)
    if digest != card.sha256:
        raise ModelError(
            f"{model}: sha256 is {digest[:12]}… but its card says {card.sha256[:12]}…; "
            "the file is damaged or the card belongs to another one"
        )
    return card


def write_card(model: Path, card: Card) -> None:
    """Write the card beside the model file ``model``."""
    text = msgspec.json.format(msgspec.json.encode(card), indent=1)
    model.with_suffix(".json").write_bytes(text + b"\n")


def _decode(path: Path) -> Card:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Card)
    except msgspec.ValidationError as error:
        raise ModelError(f"{path}: {_plain(str(error))}") from error
    except (msgspec.DecodeError, OSError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable card ({error})") from error


def _plain(text: str) -> str:
    """Turn msgspec's "Expected `int`, got `str` - at `$.a`" into "a: expected int, got str"."""
    message, _, place = text.partition(" - at ")
    place = place.strip("`").removeprefix("$").removeprefix(".")
    message = message[:1].lower() + message[1:].replace("`", "")
    return f"{place}: {message}" if place else message


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_model(path: str) -> Path:
    """Resolve model.path: empty for the default, a shipped name or its start, or a path.

    Raises:
        ModelError: there is no such model; the text lists the shipped ones.
    """
    if path.endswith(".onnx") or "/" in path:
        return Path(path)
    shipped = shipped_models()
    if not path:
        if not shipped:
            raise ModelError("no model is installed beside the package; name one in model.path")
        return next((model for model in shipped if model.stem.startswith(DEFAULT)), shipped[0])
    found = [model for model in shipped if f"{model.stem}-".startswith(f"{path}-")]
    if found:
        # The shortest, since the names of derived networks begin alike.
        return min(found, key=lambda model: len(model.stem))
    names = [model.stem for model in shipped]
    near = difflib.get_close_matches(path, names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ModelError(f"model.path = {path}: must be a path or one of {', '.join(names)}{hint}")


def shipped_models() -> list[Path]:
    """Return the models of the installed package, or of a checkout's models/ folder."""
    package = Path(__file__).parents[1]
    for folder in (package / "models", package.parent / "models"):
        models = sorted(folder.glob("*-int8.onnx")) + sorted(folder.glob("*-fp32.onnx"))
        if models:
            return models
    return []
