"""Faces to train a compact landmark predictor on, labelled by the stock one.

The pictures are FER-2013's training faces or whatever the user has; nobody marks points by hand.
So the compact predictor learns what the stock one says, its mistakes too.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_fer.errors import DataError
from edge_fer.measure import dataset
from edge_fer.measure.aligned import BORDER, SIDE
from edge_fer.measure.landmarks import faces_of, refuse_same
from edge_fer.types import Box, Luma
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmark_file import Recipe, whole_file
from edge_fer.vision.landmarks import Example, Landmarker, train_landmarks
from edge_fer.vision.pixels import rescale, resize_square

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
    """Faces of FER-2013's training split that the detector finds, in a drawn order.

    The pictures are enlarged and get a border, since they are smaller and closer than it expects.
    """
    detector = HogDetector()
    pictures = dataset.load(data, "train").images
    for picture in pictures[random.permutation(len(pictures))]:
        scene = np.pad(resize_square(picture, SIDE), BORDER, mode="edge")
        if found := detector.find(scene, 0.0):
            yield scene, found[0].box


def _cut(luma: Luma, box: Box) -> tuple[Luma, Box]:
    """The face and a margin, not too large, and its box in there."""
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
    """A box that the detector might have given instead."""
    side = box.width * float(np.exp(random.uniform(-SCALE, SCALE)))
    across, down = random.uniform(-SHIFT, SHIFT, 2) * box.width + (box.width - side) / 2
    return Box(box.left + round(across), box.top + round(down), round(side), round(side))
