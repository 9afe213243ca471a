"""The same file gives the same events however fast it is played."""

import time

import pytest

from edge_fer.build import build_classifier, build_pipeline
from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera, Settings, Vision


def played(clip, *, slow: float = 0.0, **vision):
    """Every verdict and event of the clip, tracks by the order of their appearance."""
    settings = Settings(
        camera=Camera(source=f"file:{clip}"), vision=Vision(min_face_px=40, **vision)
    )
    pipeline = build_pipeline(settings, build_classifier(settings))
    names: dict[str, int] = {}
    told = []
    with open_camera(settings.camera) as camera:
        for frame in camera:
            report = pipeline.process(frame)
            for event in report.events:
                number = names.setdefault(event.track, len(names))
                told.append(
                    (number, event.phase, event.emotion, event.confidence, event.box, event.stamp)
                )
            told += [(v.outcome, v.box) for v in report.verdicts]
            if slow and frame.number % 10 == 0:
                time.sleep(slow)
    return told


@pytest.fixture(scope="module")
def first(carphone):
    return played(carphone)


def test_two_plays_are_alike(first, carphone):
    assert first == played(carphone)


def test_a_slow_machine_gives_the_same(first, carphone):
    assert first == played(carphone, slow=0.05)


def test_other_settings_give_something_else(first, carphone):
    assert first != played(carphone, threshold=1.5)
