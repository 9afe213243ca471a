"""What a network finds in scenes of held-out pictures, and how steady its boxes are."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from edge_fer.types import Luma
from training.detector.decode import decode
from training.detector.geometry import Array, floats, overlaps
from training.detector.mosaic import Mosaics, Options, Scene

THRESHOLD: Final = 0.5
"""Score from which a box counts."""

HIT: Final = 0.5
"""IoU of a box with the face that it finds."""

SHIFTS: Final = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (3, 2), (5, 3), (7, 6))
"""Moves of a picture, px, under which a box should keep its size and move along."""

SIZES: Final = ((64, 64), (96, 128), (160, 192), (192, 256))

KINDS: Final[dict[str, Options]] = {
    "mixed": Options(),
    "tiny": Options(photograph=0, crowd=0.5, empty=0, sides=(14, 20), tilt=8, covered=0),
    "small": Options(photograph=0, crowd=0.5, empty=0, sides=(22, 30), tilt=8, covered=0),
    "tilted30": Options(photograph=0.5, empty=0, tilt=30, covered=0),
    "tilted45": Options(photograph=0.5, empty=0, tilt=45, covered=0),
    "covered": Options(photograph=0.4, crowd=0, empty=0, tilt=8, covered=1),
    "empty": Options(photograph=0, crowd=0, empty=1),
}
"""Name of a set of scenes to how they are drawn."""

Answer = tuple[Array, Array, Array]
Run = Callable[[Luma], np.ndarray]
"""From luma (H, W), sides multiples of 32, to the network's rows (n, 14)."""


@dataclasses.dataclass(slots=True)
class Counts:
    """Hits and errors of one set."""

    faces: int = 0
    found: int = 0
    boxes: int = 0
    wrong: int = 0
    fit: float = 0.0
    apart: float = 0.0

    def record(self) -> dict[str, float]:
        """Return recall, boxes without a face, mean IoU and mean distance of the points."""
        return {
            "faces": self.faces,
            "recall": round(self.found / max(1, self.faces), 4),
            "precision": round(1 - self.wrong / max(1, self.boxes), 4),
            "wrong": self.wrong,
            "iou": round(self.fit / max(1, self.found), 4),
            "points": round(self.apart / max(1, self.found), 4),
        }


def scene_sets(
    mosaics: Callable[[Options], Mosaics], count: int, seed: int = 5
) -> dict[str, list[Scene]]:
    """Draw ``count`` scenes of each of `KINDS`, the same for the same seed."""
    sets = {}
    for number, (name, options) in enumerate(KINDS.items()):
        draw, drawn = np.random.default_rng([seed, number]), mosaics(options)
        small = {"tiny", "small"}
        sizes = SIZES[1:] if name in small else SIZES
        sets[name] = [drawn.scene(sizes[k % len(sizes)], draw) for k in range(count)]
    return sets


def measure(run: Run, sets: dict[str, list[Scene]]) -> dict[str, dict[str, float]]:
    """Return what is found in each set at `THRESHOLD`, and the steadiness under shifts."""
    result = {}
    for name, scenes in sets.items():
        counts = Counts()
        for scene in scenes:
            size = (scene.luma.shape[0], scene.luma.shape[1])
            count(decode(run(scene.luma), size, THRESHOLD), scene, counts)
        result[name] = counts.record()
    result["steady"] = steadiness(run, sets["mixed"])
    return result


def count(answer: Answer, scene: Scene, counts: Counts) -> None:
    """Add one scene's hits and errors; boxes in regions to ignore are neither."""
    boxes, _, points = answer
    table = overlaps(boxes, scene.boxes)
    faces = np.flatnonzero(scene.face > 0)
    counts.faces += len(faces)
    used: set[int] = set()
    for face in faces:
        order = np.argsort(-table[:, face])
        best = int(order[0]) if len(order) else -1
        if best >= 0 and table[best, face] >= HIT and best not in used:
            used.add(best)
            counts.found += 1
            counts.fit += float(table[best, face])
            apart = np.linalg.norm(points[best] - scene.points[face], axis=1).mean()
            counts.apart += float(apart / scene.boxes[face, 2])
    for number, box in enumerate(boxes):
        if number in used:
            continue
        centre = np.abs(scene.boxes[:, :2] - box[:2]).max(1, initial=-1.0)
        known = (centre < scene.boxes[:, 2] * 0.6) & (scene.face == 0) | (table[number] > 0.3)
        counts.boxes += 1
        counts.wrong += not known.any()
    counts.boxes += len(used)


def steadiness(run: Run, scenes: Sequence[Scene]) -> dict[str, float]:
    """Return the standard deviation of centre and side, in sides, when a picture is shifted."""
    places, sides = [], []
    for scene in scenes:
        faces = scene.boxes[(scene.face > 0) & (scene.boxes[:, 2] >= 24)]
        if not len(faces):
            continue
        answers = []
        for x, y in SHIFTS:
            moved = np.pad(scene.luma, ((y, 0), (x, 0)), mode="edge")
            moved = np.ascontiguousarray(moved[: scene.luma.shape[0], : scene.luma.shape[1]])
            boxes = decode(run(moved), (moved.shape[0], moved.shape[1]), THRESHOLD)[0]
            answers.append(boxes - floats([x, y, 0]))
        for face in faces:
            near = [best(boxes, face) for boxes in answers]
            if all(one is not None for one in near):
                track = np.array(near)
                places.append(float((track[:, :2].std(0) / face[2]).mean()))
                sides.append(float(track[:, 2].std() / face[2]))
    return {
        "faces": len(sides),
        "centre": round(float(np.mean(places)), 5) if places else float("nan"),
        "side": round(float(np.mean(sides)), 5) if sides else float("nan"),
    }


def best(boxes: Array, face: Array) -> Array | None:
    """Return the box that fits ``face`` (3,) best, or None where none does."""
    table = overlaps(boxes, face[None])[:, 0]
    return boxes[int(table.argmax())] if table.max(initial=0.0) >= HIT else None
