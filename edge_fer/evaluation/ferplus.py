"""FER+'s true labels: what the crowd's majority says (Barsoum et al. 2016, arXiv 1608.01041)."""

import dataclasses

import numpy as np

from edge_fer.emotion.labels import LABELS
from edge_fer.errors import DataError
from edge_fer.evaluation.dataset import FERPLUS_COLUMNS, Dataset

RULE = (
    "FER+ majority: single votes dropped, the label with more than half of the rest, votes for "
    "unknown and not-a-face included; pictures without such a label are left out"
)

EMOTIONS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
"""Our names of the first eight of `FERPLUS_COLUMNS`; unknown and not-a-face have none."""

_LABEL_OF = np.array([LABELS.index(name) for name in EMOTIONS], np.uint8)


def by_majority(dataset: Dataset) -> Dataset:
    """The pictures that have a majority label, labelled with it.

    Raises:
        DataError: the data set has no votes.
    """
    if dataset.votes is None:
        raise DataError(
            f"no FER+ votes ({', '.join(FERPLUS_COLUMNS)}) with the data: must be fer2013.npz "
            "with ferplus_votes, or fer2013.csv with fer2013new.csv beside it"
        )
    votes = np.where(dataset.votes > 1, dataset.votes, 0).astype(np.int64)
    top = votes.argmax(axis=1)
    take = (2 * votes.max(axis=1) > votes.sum(axis=1)) & (top < len(EMOTIONS))
    if not take.any():
        raise DataError("no picture has a FER+ majority label")
    duplicate = dataset.duplicate
    return dataclasses.replace(
        dataset,
        images=dataset.images[take],
        labels=_LABEL_OF[top[take]],
        ids=dataset.ids[take],
        duplicate=None if duplicate is None else duplicate[take],
        votes=dataset.votes[take],
    )
