"""What becomes of a model's accuracy when chips are as a camera gives them, not as data sets do."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_fer.evaluation.chips import How, StillAligner
from edge_fer.evaluation.corruptions import Chips, box_blur, darken, halve, jpeg_loss, move
from edge_fer.evaluation.metrics import paired
from edge_fer.vision.pixels import resize_square

SIDE = 48
"""Side in px at which chips are disturbed, whatever the data set's and the model's."""

Disturbance = Callable[[Chips], Chips]

Right = Callable[[Chips], NDArray[np.bool_]]
"""Pictures (N, H, H) of a data set, in its order, to which of them (N,) a model gets right."""

DISTURBANCES: Final[Mapping[str, Sequence[Disturbance]]] = {
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
"""Name to the disturbances over which the accuracy is averaged.

Box: moved left, right, up and down by 5 % of the side, face 5 % smaller and larger. Roll: to
either side. Blur: mean of 5 x 5 px. Noise: Gaussian, its sigma in grey levels.
"""


def robustness(images: Chips, right: Right) -> dict[str, Any]:
    """Accuracy on ``images`` (N, H, H) and its loss in points under each disturbance."""
    clean = np.stack([resize_square(image, SIDE) for image in images])
    base = float(right(clean).mean())
    accuracies = {
        name: float(np.mean([right(disturb(clean)).mean() for disturb in disturbances]))
        for name, disturbances in DISTURBANCES.items()
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


def alignment(images: Chips, right: Right, aligner: StillAligner) -> dict[str, dict[str, Any]]:
    """Accuracy on ``images`` (N, H, H) as they are and aligned, paired; by how that was done."""
    chips, how = aligner.cut_all(images)
    plain, aligned = right(images), right(chips)
    groups = {"all": np.ones(len(images), bool)} | {way.name.lower(): how == way for way in How}
    return {
        name: {"n": int(group.sum()), **paired(plain[group], aligned[group])}
        for name, group in groups.items()
        if group.any()
    }
