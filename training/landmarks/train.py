"""Train a compact landmark predictor on faces that the stock one labelled.

The pictures are FER-2013's training faces or the user's own; no points are marked by hand. So the
compact predictor also learns the stock one's mistakes.
"""

import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import dlib
import numpy as np

from edge_fer.errors import DataError
from edge_fer.evaluation import dataset
from edge_fer.evaluation.chips import BORDER, SIDE
from edge_fer.types import Box, Luma, Points
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Landmarker, rectangle
from edge_fer.vision.pixels import rescale, resize_square
from training.landmarks.compare import faces_of, refuse_same
from training.landmarks.file import Recipe, whole_file

BOXES = 2
"""Boxes each face is trained with: the detector's, and another that it might have given."""
SHIFT, SCALE = 0.05, 0.09
"""How far those are off: share of the side, and logarithm of it. HOG cells are a tenth of the
smallest face, and the pyramid's next step is a fifth larger."""

CONTRAST = (0.6, 1.2)
BRIGHTNESS = 25.0
NOISE = 6.0
"""How cameras see what data sets show smooth and well lit: gain, largest shift, and largest
standard deviation of the noise, in luma."""

LEAST_FACES = 100
"""Fewer cannot be learnt from."""

MARGIN = 0.5
"""Kept around a face's box, as a share of its side."""
LARGEST_PX = 160
"""Larger faces are shrunk to that side: no more is seen by the predictor, and memory is short."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Example:
    """A face to train on."""

    luma: Luma
    boxes: Sequence[Box]
    """Where a detector may see it."""
    points: Points
    """(68, 2) in px of the picture; dlib takes whole px."""


def train_landmarks(examples: Sequence[Example], recipe: Recipe, out: Path) -> None:
    """Train a shape_predictor with dlib and write it to ``out``; it takes minutes.

    Each box counts twice: from the mean shape, as it will start on a camera, and from a drawn one.

    Raises:
        OSError: ``out`` cannot be written.
    """
    options = dlib.shape_predictor_training_options()
    options.cascade_depth = recipe.cascades
    options.num_trees_per_cascade_level = recipe.trees
    options.tree_depth = recipe.depth
    options.oversampling_amount = 2
    options.random_seed = "edge-fer"
    options.num_threads = os.cpu_count() or 1
    shapes = [
        [
            dlib.full_object_detection(rectangle(box), [dlib.point(x, y) for x, y in points])
            for box in example.boxes
        ]
        for example in examples
        for points in [np.round(example.points).astype(int).tolist()]
    ]
    trained = dlib.train_shape_predictor([one.luma for one in examples], shapes, options)
    try:
        trained.save(str(out))
    except RuntimeError as error:
        raise OSError(str(error).strip().splitlines()[-1]) from error


def train(source: Path, data: Path, out: Path, recipe: Recipe, most: int) -> int:
    """Train on at most ``most`` faces of ``data`` and return how many there were.

    Raises:
        ModelError: the file ``source`` is missing or damaged, or ``out`` cannot be written.
        DataError: ``data`` cannot be read or has too few faces.
        CameraError: a clip or picture in it cannot be read.
    """
    refuse_same(source, out)
    landmarker = Landmarker(str(source))
    random = np.random.default_rng(0)
    faces = _close_ups(data, random) if data.suffix in (".npz", ".csv") else faces_of([data])
    with whole_file(out) as draft:
        examples = [
            _example(*_cut(luma, box), landmarker, random)
            for luma, box in itertools.islice(faces, most)
        ]
        if len(examples) < LEAST_FACES:
            raise DataError(f"{data}: has {len(examples)} faces, must be {LEAST_FACES} or more")
        train_landmarks(examples, recipe, draft)
    return len(examples)


def _close_ups(data: Path, random: np.random.Generator) -> Iterator[tuple[Luma, Box]]:
    """Yield the faces of FER-2013's training split that the detector finds, in random order.

    The pictures are enlarged and get a border, since they are smaller and closer than it expects.
    """
    detector = HogDetector()
    pictures = dataset.load(data, "train").images
    for picture in pictures[random.permutation(len(pictures))]:
        scene = np.pad(resize_square(picture, SIDE), BORDER, mode="edge")
        if found := detector.find(scene, 0.0):
            yield scene, found[0].box


def _cut(luma: Luma, box: Box) -> tuple[Luma, Box]:
    """Return the face with a margin, at most `LARGEST_PX` wide, and its box in there."""
    margin = round(MARGIN * box.width)
    left, top = max(0, box.left - margin), max(0, box.top - margin)
    part = luma[top : box.top + box.height + margin, left : box.left + box.width + margin]
    scale = min(1.0, LARGEST_PX / box.width)
    place = (box.left - left, box.top - top, box.width, box.height)
    return rescale(np.ascontiguousarray(part), scale), Box(*(round(v * scale) for v in place))


def _example(luma: Luma, box: Box, landmarker: Landmarker, random: np.random.Generator) -> Example:
    boxes = [box, *(_moved(box, random) for _ in range(BOXES - 1))]
    return Example(_filmed(luma, random), boxes, landmarker.locate(luma, box))


def _filmed(luma: Luma, random: np.random.Generator) -> Luma:
    gain, shift = random.uniform(*CONTRAST), random.uniform(-BRIGHTNESS, BRIGHTNESS)
    noise = random.normal(0, random.uniform(0, NOISE), luma.shape)
    filmed = (luma.astype(np.float32) - 128) * gain + 128 + shift + noise
    return filmed.clip(0, 255).astype(np.uint8)


def _moved(box: Box, random: np.random.Generator) -> Box:
    """Return a box that the detector might have given instead."""
    side = box.width * float(np.exp(random.uniform(-SCALE, SCALE)))
    across, down = random.uniform(-SHIFT, SHIFT, 2) * box.width + (box.width - side) / 2
    return Box(box.left + round(across), box.top + round(down), round(side), round(side))
