"""Toy faces: a light disc with black eyes and a dark mouth, and where their points are."""

import cv2
import numpy as np

from training.detector.faces import Portrait


def toy_landmarks(x, y, side):
    """68 points on the toy face, in px."""
    spots = np.zeros((68, 2), np.float32)
    angles = np.linspace(np.pi, 0, 17)
    spots[:17] = np.stack([np.cos(angles) * 0.48, np.sin(angles) * 0.48], 1)
    spots[17:27] = np.stack([np.linspace(-0.35, 0.35, 10), np.full(10, -0.32)], 1)
    spots[27:31] = np.stack([np.zeros(4), np.linspace(-0.15, 0.08, 4)], 1)
    spots[31:36] = np.stack([np.linspace(-0.08, 0.08, 5), np.full(5, 0.12)], 1)
    spots[36:42], spots[42:48] = (-0.2, -0.15), (0.2, -0.15)
    spots[48:68] = np.stack([np.linspace(-0.2, 0.2, 20), np.full(20, 0.25)], 1)
    spots[48], spots[54] = (-0.2, 0.25), (0.2, 0.25)
    return spots * side + np.float32([x, y])


def toy_portraits(count, *, doubtful=False):
    """Portraits of 96 x 96 px with one toy face each, and a region to ignore if asked."""
    result = []
    for number in range(count):
        x, y, side = 46.0 + number, 50.0, 56.0
        luma = np.full((96, 96), 110 + 5 * (number % 4), np.uint8)
        marks = toy_landmarks(x, y, side)
        cv2.circle(luma, (round(x), round(y)), round(side * 0.5), 205, -1, cv2.LINE_AA)
        for eye in (marks[36], marks[42]):
            cv2.circle(luma, (round(eye[0]), round(eye[1])), 5, 5, -1)
        mouth = tuple(map(round, marks[57].tolist()))
        cv2.ellipse(luma, mouth, (12, 4), 0, 0, 360, 70, -1)
        points = np.stack([marks[36], marks[42], marks[30], marks[48], marks[54]])
        boxes, face = [(x, y, side)], [True]
        if doubtful:
            boxes, face = [*boxes, (84.0, 12.0, 16.0)], [True, False]
        result.append(
            Portrait(
                luma,
                np.float32(boxes),
                np.stack([points] * len(boxes)),
                np.stack([marks] * len(boxes)),
                np.array(face),
            )
        )
    return result
