"""The pipeline with one model and with others: in turn on the same frames, in CPU time.

Each model has a pipeline of its own, which differs in nothing else, and at its default size.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_fer.bench.playback import WARM_UP, Samples, ahead, endless
from edge_fer.bench.speed import share, totals_interval
from edge_fer.cameras import Camera
from edge_fer.config.settings import Settings
from edge_fer.daemon.build import build_classifier, build_pipeline
from edge_fer.emotion.card import find_model, read_card
from edge_fer.emotion.classify import Classifier

OWN = ("align", "quality", "classify")
"""Stages that depend on the model. The others do the same work with each model; that two of them
differ by some percent is due to where their tables happen to lie in memory."""


def check_models(names: Sequence[str]) -> None:
    """Say ahead of a long measurement that `compare_models` could not open one; loads none.

    Raises:
        ModelError: a model's name is unknown, or its card is missing or damaged.
    """
    for name in names:
        read_card(find_model(name))


def compare_models(
    settings: Settings, own: Classifier, names: Sequence[str], camera: Camera, frames: int
) -> list[dict[str, Any]]:
    """What each of the named models costs in terms of ``own``: its stage, and the whole frame.

    A frame's time with another model is ours with that model's stages put in the place of ours.

    Raises:
        CameraError: the camera fails or gives no frame.
        ModelError: a model is missing or damaged.
    """
    others = [_open(settings, name) for name in names]
    sides = [(build_pipeline(settings, model), Samples()) for model in (own, *others)]
    stream = itertools.islice(endless(camera), WARM_UP + frames)
    for number, frame in enumerate(stream if camera.live else ahead(stream)):
        for pipeline, samples in reversed(sides) if number % 2 else sides:
            samples.process(pipeline, frame)
    ours, *theirs = (samples.without_first(WARM_UP).cpu for _, samples in sides)
    whole = _sum(ours, ["frame"])
    rest = whole - _sum(ours, OWN)
    return [
        {
            "model": model.card.name,
            "size": model.size,
            **_ratios("classify", _sum(cpu, ["classify"]), _sum(ours, ["classify"])),
            **_ratios("frame", rest + _sum(cpu, OWN), whole),
        }
        for model, cpu in zip(others, theirs, strict=True)
    ]


def _open(settings: Settings, name: str) -> Classifier:
    model = replace(settings.model, path=name, size=0, budget_ms=0.0)
    return build_classifier(replace(settings, model=model))


def _sum(cpu: dict[str, list[float]], stages: Sequence[str]) -> NDArray[np.float64]:
    """Seconds of some stages together, by frame."""
    total: NDArray[np.float64] = np.array([cpu[name] for name in stages]).sum(axis=0)
    return total


def _ratios(
    name: str, seconds: NDArray[np.float64], base: NDArray[np.float64]
) -> dict[str, float | list[float] | None]:
    """Under that name; None where there is nothing to divide by, or too little for an interval."""
    interval = totals_interval([np.stack([seconds, base], axis=1)])
    return {
        f"{name}_ratio": share(seconds.sum(), base.sum()),
        f"{name}_interval_95": None if interval is None else list(interval),
    }
