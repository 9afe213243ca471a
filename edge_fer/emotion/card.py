"""The model card: everything needed to use a model file, in the JSON file beside it.

`<model>.onnx` has `<model>.json`. Nothing about a model stands in code or is read off its name.
The card is checked against the file's sha256 here and against the graph in `session`.
"""

import difflib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge_fer.emotion.labels import fault_of
from edge_fer.errors import ModelError

DEFAULT = "ultralight-ferplus"
"""Start of the default model's name: docs/background/models.md says why it is this one."""

FORMAT = 1
"""Version of the card's own format; a file of a newer format is refused."""

TRUTHS: Final[Mapping[str, str]] = {"fer2013": "FER-2013", "ferplus": "FER+ majority"}
"""Whose labels figures go by: how their keys in `Card.metrics` begin, and what people call it."""

Point = tuple[float, float]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the card's parts: frozen, and an unknown key is an error."""


class Input(_Part, frozen=True):
    """What the network is fed."""

    sizes: Annotated[list[Annotated[int, Meta(ge=16, le=512)]], Meta(min_length=1)]
    """Side of the square chip in px; the first is the default."""
    mean: float
    """Subtracted from each pixel, in pixel units (0-255)."""
    std: Annotated[float, Meta(gt=0)]
    """Divides each pixel after that, in pixel units."""
    channels: Literal[1, 3] = 1
    """With 3, the luma is replicated."""
    layout: Literal["NCHW", "NHWC"] = "NCHW"


class Framing(_Part, frozen=True):
    """Where five points of the face lie in the chip, as fractions of its side (x, y).

    Left and right are those of the picture. The default is the median of FER-2013's pictures.
    """

    left_eye: Point = (0.312, 0.392)
    right_eye: Point = (0.682, 0.389)
    nose_tip: Point = (0.500, 0.589)
    left_mouth: Point = (0.344, 0.776)
    right_mouth: Point = (0.661, 0.771)

    @property
    def points(self) -> tuple[Point, ...]:
        """The five in the order above."""
        return msgspec.structs.astuple(self)


Factor = Annotated[int, Meta(ge=0, le=255)]


class Golden(_Part, frozen=True):
    """A drawn test chip and the scores the file must give for it on any machine."""

    pattern: tuple[Factor, Factor, Factor]
    """a, b, c of the chip ``(a x + b y + c x y) mod 256``, x and y in px."""
    scores: dict[str, float]


class Card(_Part, frozen=True):
    """A model file's card."""

    format: int
    name: str
    """The model file's name without .onnx."""
    network: str
    """Family, for people: ultralight, xception, ..."""
    precision: str
    """fp32, int8, ..."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """Of the .onnx file."""
    labels: Annotated[list[str], Meta(min_length=2)]
    """In the order of the network's outputs."""
    input: Input
    own_labels: list[str] = []
    """Those of them that are outside our vocabulary (`edge_fer.emotion.labels`)."""
    output: Literal["logits", "probabilities"] = "logits"
    framing: Framing = Framing()
    temperature: Annotated[float, Meta(gt=0)] = 1.0
    """Divides the logits ahead of the softmax (Guo et al. 2017, arXiv 1706.04599)."""
    golden: list[Golden] = []
    parameters: int | None = None
    macs: int | None = None
    """Multiply-accumulates per chip of the default size."""
    bytes: int | None = None
    metrics: dict[str, dict[str, Any]] = {}
    """What `edge-fer evaluate --json` printed, by data set and split."""
    data: dict[str, str] = {}
    """What it was trained on, and under which licence."""
    limits: list[str] = []
    """What it is not good at, and what it must not be used for."""
    command: str = ""
    """Makes this file from the data."""

    def figures(self, split: str) -> tuple[str, dict[str, Any]]:
        """Key of `TRUTHS` and the figures by those labels; "" and nothing if not measured.

        ``split`` is public or private, or what stands behind it: "public, 32 px".
        """
        known = ((truth, self.metrics.get(f"{truth}-{split}")) for truth in TRUTHS)
        return next(((truth, figures) for truth, figures in known if figures), ("", {}))

    def accuracy_at(self, size: int) -> float | None:
        """Share right on PublicTest with chips of that side; None if not measured."""
        further = "" if size == self.input.sizes[0] else f", {size} px"
        return self.figures(f"public{further}")[1].get("accuracy")


def read_card(model: Path) -> Card:
    """Read and check the card of the model file ``model``.

    Raises:
        ModelError: model or card is missing, unreadable or does not fit the other; one line.
    """
    if not model.is_file():
        raise ModelError(f"{model}: no such model file")
    path = model.with_suffix(".json")
    if not path.is_file():
        raise ModelError(f"{path}: no such card; every model needs its card beside it")
    card = _decode(path)
    if card.format != FORMAT:
        raise ModelError(f"{path}: format = {card.format}: must be {FORMAT}")
    fault = fault_of(card.labels, card.own_labels)
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
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_model(path: str) -> Path:
    """Resolve the option model.path: empty for the default, a shipped name or its start, a path.

    Raises:
        ModelError: there is no such model; names the shipped ones.
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
        # The shortest, since "ultralight" also begins the names of networks tuned from it.
        return min(found, key=lambda model: len(model.stem))
    names = [model.stem for model in shipped]
    near = difflib.get_close_matches(path, names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ModelError(f"model.path = {path}: must be a path or one of {', '.join(names)}{hint}")


def shipped_models() -> list[Path]:
    """The models that came with the package, or stand in a checkout's models/ folder."""
    package = Path(__file__).parents[1]
    for folder in (package / "models", package.parent / "models"):
        models = sorted(folder.glob("*-int8.onnx")) + sorted(folder.glob("*-fp32.onnx"))
        if models:
            return models
    return []
