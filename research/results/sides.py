"""Who is compared: our pipeline under any settings, and the naive one; both with one network."""

from __future__ import annotations

from functools import cache

from edge_fer.build import build_classifier, build_naive, build_pipeline
from edge_fer.config.load import load
from edge_fer.config.settings import Settings
from edge_fer.emotion.classify import Classifier
from edge_fer.pipeline import Pipeline


def settings(*options: str) -> Settings:
    """The defaults but for ``options``, each "section.option=value"."""
    return load(None, ["privacy.acknowledge_use=research", *options], {})


@cache
def classifier() -> Classifier:
    """The default network."""
    return build_classifier(settings())


def ours(*options: str) -> Pipeline:
    """A fresh pipeline as the daemon has it."""
    return build_pipeline(settings(*options), classifier())


def naive(*options: str) -> Pipeline:
    """HOG at upsample 1 on every whole frame, stock landmarks, the same network and smoothing."""
    return build_naive(settings(*options), classifier())
