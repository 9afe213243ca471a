"""Classify aligned face crops: the network with its card, at one of its input sizes."""

import copy
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import Card, Golden, read_card
from edge_fer.emotion.session import (
    Session,
    available_providers,
    check_copy,
    drawn_chip,
    engine_folder,
    find_copy,
    to_tensor,
)
from edge_fer.errors import ModelError
from edge_fer.types import Luma, Scores

log = logging.getLogger(__name__)

GOLDEN_PATTERNS = ((3, 5, 0), (1, 0, 1), (7, 2, 3))
"""Patterns of the chips of a card's golden vectors."""

GOLDEN_TOLERANCE = 0.1
"""Largest deviation of a golden score; INT8 kernels round differently on different CPUs."""


class Classifier:
    """A loaded model file with its card.

    ``size`` is the side of the crops in px, 0 for the card's default. ``provider`` is the value
    of model.provider; if it is not in this onnxruntime, cannot be started or computes wrongly,
    a warning is logged and the CPU is used. ``cache`` is the folder of its engines and its
    compiled copy; a copy that is damaged or computes wrongly is logged and not used.

    Raises:
        ModelError: model or card is missing or damaged, or they do not match.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: int = 0,
        threads: int = 1,
        cache: Path | None = None,
        provider: str = "cpu",
    ) -> None:
        self.path = path
        self.card: Card = read_card(path)
        self.size = self.card.input.sizes[0]
        """Side of the crops in px."""
        if not self._accelerate(provider, threads, cache):
            self._open(threads, cache)
        if size:
            self.size = self._checked_size(size)

    @property
    def compiled(self) -> bool:
        """True if a compiled copy runs instead of the model file itself."""
        return self._session.file != self.path

    @property
    def provider(self) -> str:
        """The execution provider in use: "cpu", "cuda" or "tensorrt"."""
        return self._session.provider

    def with_size(self, size: int) -> "Classifier":
        """Return the same network for crops of another size of the card, in px.

        Raises:
            ModelError: the card does not list that size, or the graph cannot be run with it.
        """
        other = copy.copy(self)
        other.size = self._checked_size(size)
        return other

    def classify(self, chips: Sequence[Luma]) -> list[Scores]:
        """Return the scores of each crop (S, S) uint8, calibrated by the card's temperature."""
        if not chips:
            return []
        rows = self.probabilities(np.stack(chips))
        return [dict(zip(self.card.labels, map(float, row), strict=True)) for row in rows]

    def probabilities(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return calibrated probabilities (N, labels) of crops (N, S, S) uint8."""
        return softmax(self.logits(chips) / np.float32(self.card.temperature))

    def logits(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the network's logits (N, labels) for crops (N, S, S) uint8."""
        raw = self._session.run(to_tensor(chips, self.card.input))
        return np.log(np.maximum(raw, 1e-12)) if self.card.output == "probabilities" else raw

    def _accelerate(self, wanted: str, threads: int, cache: Path | None) -> bool:
        """Load the model on a provider faster than the CPU; return False if there is none."""
        built = available_providers()
        if wanted not in (*built, "auto"):
            log.warning(
                "model.provider = %s: this onnxruntime is built for %s alone; the cpu is used, "
                "see docs/guides/jetson.md",
                wanted,
                ", ".join(built),
            )
        for name in built if wanted == "auto" else [wanted]:
            if name == "cpu" or name not in built:
                break
            try:
                engines = (
                    name == "tensorrt" and cache and engine_folder(self.path, self.card, cache)
                )
                self._load(self.path, threads, name, engines or None)
            except ModelError as error:
                log.warning("model.provider = %s: %s; %s is not used", wanted, error, name)
            else:
                return True
        return False

    def _open(self, threads: int, cache: Path | None) -> None:
        found = find_copy(self.path, self.card, cache) if cache else None
        if found:
            try:
                check_copy(found)
                return self._load(found, threads)
            except ModelError as error:
                log.warning("%s; %s is used instead", error, self.path)
        return self._load(self.path, threads)

    def _load(
        self, file: Path, threads: int, provider: str = "cpu", engines: Path | None = None
    ) -> None:
        """Open the file and check it with the golden vectors, which have the default size."""
        self._session = Session(
            file, self.card, threads=threads, provider=provider, engines=engines
        )
        for golden in self.card.golden:
            chip = drawn_chip(golden.pattern, self.size)
            scores = self.classify([chip])[0]
            worst = max(abs(scores.get(label, 9) - value) for label, value in golden.scores.items())
            if not worst <= GOLDEN_TOLERANCE:
                raise ModelError(
                    f"{file}: golden vector {golden.pattern} differs by {worst:.3f} from "
                    f"the card, at most {GOLDEN_TOLERANCE} is right; this onnxruntime or CPU "
                    "computes the model wrongly"
                )

    def _checked_size(self, size: int) -> int:
        sizes = self.card.input.sizes
        if size not in sizes:
            near = min(sizes, key=lambda own: abs(own - size))
            raise ModelError(
                f"{self.path}: model.size = {size}: must be one of "
                f"{', '.join(map(str, (0, *sizes)))}; did you mean {near}?"
            )
        self.logits(np.zeros((1, size, size), np.uint8))
        return size


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax along the last axis, without overflow."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float32] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def golden_vectors(classifier: Classifier) -> list[Golden]:
    """Return the scores of the chips of `GOLDEN_PATTERNS`, as this machine computes them."""
    vectors = []
    for pattern in GOLDEN_PATTERNS:
        scores = classifier.classify([drawn_chip(pattern, classifier.size)])[0]
        rounded = {label: round(value, 4) for label, value in scores.items()}
        vectors.append(Golden(pattern=pattern, scores=rounded))
    return vectors
