"""Motion: what changes is seen, noise is not, and another scene is told from another light."""

import numpy as np
import pytest

from edge_fer.testing import scene
from edge_fer.types import Box
from edge_fer.vision.scan import Motion

SIZE = (240, 320)


def noisy(luma: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, luma.shape)
    return np.clip(luma + noise, 0, 255).astype(np.uint8)


def started() -> Motion:
    motion = Motion(SIZE)
    motion.update(scene())
    return motion


def test_the_first_frame_is_a_cut():
    motion = Motion(SIZE)
    assert motion.update(scene()).all()
    assert motion.cut


def test_sensor_noise_is_no_motion():
    motion = Motion(SIZE)
    motion.update(noisy(scene(), 8))
    assert [None] * 20 == [motion.update(noisy(scene(), 8, seed)) for seed in range(1, 21)]


def test_what_appears_changes_its_own_cells_alone():
    motion, box = started(), Box(100, 80, 40, 40)
    changed = motion.update(scene(box))
    rows, columns = motion.cells_of(box)
    assert changed[rows, columns].mean() > 0.6
    changed[rows, columns] = False
    assert not changed.any()
    assert not motion.cut


def test_what_creeps_is_seen():
    motion = started()
    seen = [motion.update(scene() + np.uint8(step)) for step in range(1, 25)]
    assert any(changed is not None for changed in seen)


@pytest.mark.parametrize("light", [40, -40])
def test_another_light_is_motion_but_no_cut(light):
    motion = started()
    brighter = np.clip(scene().astype(int) + light, 0, 255).astype(np.uint8)
    assert motion.update(brighter).mean() > 0.5
    assert not motion.cut


def test_another_scene_is_a_cut():
    motion = started()
    motion.update(scene()[::-1, ::-1].T.copy().reshape(SIZE))
    assert motion.cut


def test_a_pan_is_no_cut():
    wide = scene(size=(240, 640))
    motion = Motion(SIZE)
    cuts = []
    for shift in range(0, 60, 3):
        motion.update(np.ascontiguousarray(wide[:, shift : shift + 320]))
        cuts.append(motion.cut)
    assert [True] + [False] * 19 == cuts


def test_a_frame_of_one_colour_is_no_error():
    motion = Motion((16, 16))
    motion.update(np.zeros((16, 16), np.uint8))
    assert motion.update(np.full((16, 16), 255, np.uint8)).all()


def test_cells_of_a_box_beyond_the_frame_are_those_inside():
    motion = started()
    rows, columns = motion.cells_of(Box(-50, -50, 80, 80))
    assert (0, 0) == (rows.start, columns.start)
    assert 0 == np.zeros(motion.grid)[motion.cells_of(Box(400, 400, 10, 10))].size
