"""Measure how corruptions and alignment change a model's accuracy on labelled chips."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.chips import How, StillAligner
from edge_fer.evaluation.dataset import Dataset
from edge_fer.evaluation.evaluate import paired, predict, spread
from edge_fer.vision.pixels import resize_square
from training.evaluation.corruptions import Chips, box_blur, darken, halve, jpeg_loss, move

SIDE = 48
"""Side in px at which chips are corrupted, whatever the data set's and the model's."""

Corruption = Callable[[Chips], Chips]

Correct = Callable[[Chips], NDArray[np.bool_]]
"""Pictures (N, H, H) of a data set, in its order, to (N,) True where the model is right."""

CORRUPTIONS: Final[Mapping[str, Sequence[Corruption]]] = {
    "box 5 %": [
        partial(move, right=-0.05),
        partial(move, right=0.05),
        partial(move, down=-0.05),
        partial(move, down=0.05),
        partial(move, scale=0.95),
        partial(move, scale=1.05),
    ],
    "roll 15 degrees": [partial(move, roll=-15.0), partial(move, roll=15.0)],
    "24 to 48 px": [halve],
    "blur 5 px": [box_blur],
    "gamma 2, noise 8": [darken],
    "JPEG 40": [jpeg_loss],
}
"""Name to the corruptions over which the accuracy is averaged.

Box: moved left, right, up and down by 5 % of the side, face 5 % smaller and larger. Roll: to
either side. Blur: mean of 5 x 5 px. Noise: Gaussian, its sigma in grey levels.
"""

Part = Literal["robustness", "aligned"]
"""Accuracy on corrupted chips; accuracy on chips that the daemon's aligner cuts."""

PARTS: Final[tuple[Part, ...]] = ("robustness", "aligned")


def measure_parts(
    classifier: Classifier, dataset: Dataset, parts: Collection[Part] = PARTS
) -> dict[str, Any]:
    """Return the figures of each of ``parts`` on the chips of ``dataset``, by name.

    Raises:
        ModelError: the landmark file is missing or damaged, and "aligned" needs it.
    """

    def correct(images: Chips) -> NDArray[np.bool_]:
        probabilities = predict(classifier, dataclasses.replace(dataset, images=images))
        columns = spread(probabilities, classifier.card.labels, dataset.names)
        return np.asarray(columns.argmax(axis=1) == dataset.labels)

    result = {}
    if "robustness" in parts:
        result["robustness"] = measure_robustness(dataset.images, correct)
    if "aligned" in parts:
        aligner = StillAligner(size=classifier.size, framing=classifier.card.framing)
        result["aligned"] = measure_alignment(dataset.images, correct, aligner)
    return result


def measure_robustness(images: Chips, correct: Correct) -> dict[str, Any]:
    """Return the accuracy on ``images`` (N, H, H) and its loss in points under each corruption."""
    clean = np.stack([resize_square(image, SIDE) for image in images])
    base = float(correct(clean).mean())
    accuracies = {
        name: float(np.mean([correct(corrupt(clean)).mean() for corrupt in corruptions]))
        for name, corruptions in CORRUPTIONS.items()
    }
    losses = {name: round(100 * (base - value), 3) for name, value in accuracies.items()}
    return {
        "clean": round(base, 5),
        "mean_loss": round(float(np.mean(list(losses.values()))), 3),
        "worst_loss": max(losses.values()),
        "worst": max(losses, key=lambda name: losses[name]),
        "disturbed": {
            name: {"accuracy": round(value, 5), "loss": losses[name]}
            for name, value in accuracies.items()
        },
    }


def measure_alignment(
    images: Chips, correct: Correct, aligner: StillAligner
) -> dict[str, dict[str, Any]]:
    """Return the paired accuracy on ``images`` (N, H, H) before and after alignment, by `How`."""
    chips, how = aligner.cut_all(images)
    plain, aligned = correct(images), correct(chips)
    groups = {"all": np.ones(len(images), bool)} | {way.name.lower(): how == way for way in How}
    return {
        name: {"n": int(group.sum()), **paired(plain[group], aligned[group])}
        for name, group in groups.items()
        if group.any()
    }
