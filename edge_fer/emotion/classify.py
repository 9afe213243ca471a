"""Chips to scores: the network, run by onnxruntime. The only file that imports onnxruntime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge_fer.emotion.card import Card, read_card
from edge_fer.emotion.tensor import drawn_chip, to_tensor
from edge_fer.errors import ModelError
from edge_fer.types import Luma, Scores

GOLDEN_TOLERANCE = 0.1
"""Largest change of a golden score: INT8 kernels round differently from one CPU to another."""


class Classifier:
    """A model file with its card, ready to run.

    Raises:
        ModelError: model or card is missing, damaged, or one does not fit the other; one line.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self.card: Card = read_card(path)
        self.size = self.card.input.sizes[0]
        """Side of the chips in px."""
        self._session = _open_session(path, threads)
        self._input = _check_graph(path, self._session, self.card)
        self._batched = not isinstance(self._session.get_inputs()[0].shape[0], int)
        self._check_golden()

    def classify(self, chips: Sequence[Luma]) -> list[Scores]:
        """Scores of each chip (S, S) uint8, calibrated by the card's temperature."""
        if not chips:
            return []
        rows = self.probabilities(np.stack(chips))
        return [dict(zip(self.card.labels, map(float, row), strict=True)) for row in rows]

    def probabilities(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Chips (N, S, S) uint8 to calibrated probabilities (N, labels)."""
        return softmax(self.logits(chips) / np.float32(self.card.temperature))

    def logits(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Chips (N, S, S) uint8 to the network's raw outputs (N, labels)."""
        tensor = to_tensor(chips, self.card.input)
        batches = [tensor] if self._batched else [tensor[k : k + 1] for k in range(len(tensor))]
        rows = [self._session.run(None, {self._input: batch})[0] for batch in batches]
        raw: NDArray[np.float32] = np.concatenate(rows)
        return np.log(np.maximum(raw, 1e-12)) if self.card.output == "probabilities" else raw

    def _check_golden(self) -> None:
        for golden in self.card.golden:
            chip = drawn_chip(golden.pattern, self.size)
            scores = self.classify([chip])[0]
            worst = max(abs(scores.get(label, 9) - value) for label, value in golden.scores.items())
            if not worst <= GOLDEN_TOLERANCE:
                raise ModelError(
                    f"{self.path}: golden vector {golden.pattern} differs by {worst:.3f} from the "
                    f"card, at most {GOLDEN_TOLERANCE} is right; this onnxruntime or CPU computes "
                    "the model wrongly"
                )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Along the last axis, without overflow."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float32] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def _open_session(path: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning pool would burn a core between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen private types
        reason = str(error).replace("\n", " ")[:160]
        raise ModelError(f"{path}: onnxruntime cannot load it ({reason})") from error


def _check_graph(path: Path, session: Any, card: Card) -> str:
    """Compare the graph with the card and return the input's name."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs, must have one of each"
        )
    spec, side = card.input, card.input.sizes[0]
    wanted = [spec.channels, side, side] if spec.layout == "NCHW" else [side, side, spec.channels]
    shape = inputs[0].shape
    if len(shape) != 4 or any(
        isinstance(have, int) and have != want for have, want in zip(shape[1:], wanted, strict=True)
    ):
        raise ModelError(f"{path}: graph takes {shape[1:]} but its card says {wanted}")
    if inputs[0].type != "tensor(float)":
        raise ModelError(f"{path}: input is {inputs[0].type}, must be tensor(float)")
    count = outputs[0].shape[-1]
    if isinstance(count, int) and count != len(card.labels):
        raise ModelError(f"{path}: card lists {len(card.labels)} labels but the output has {count}")
    name: str = inputs[0].name
    return name
